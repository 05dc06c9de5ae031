# One image for every process: `aftercare web`, `aftercare worker`, `aftercare migrate`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY service ./service
COPY templates ./templates
COPY migrations ./migrations
RUN python -m venv /opt/aftercare \
    && /opt/aftercare/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home aftercare
COPY --from=build /opt/aftercare /opt/aftercare
ENV PATH=/opt/aftercare/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /tmp
EXPOSE 8000
ENTRYPOINT ["aftercare"]
CMD ["web", "--host", "0.0.0.0", "--port", "8000"]
