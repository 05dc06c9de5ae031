"""Faults of what comes from outside: the web killed, the provider broken, texts again."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from service.sandbox.phone_faults import Rule, Trouble
from service.store.clinics import Clinic
from service.store.patients import Address
from tests.faults.campaign import Story
from tests.faults.choosing import WEB_STEPS, count, one_of, peacefully
from tests.faults.victims import end, start_web
from tests.faults.world import FINE, RED_STOPS, REDS, STOPS

# --- F2: the web is killed -----------------------------------------------------------------------


def killed_web(story: Story) -> None:
    """kill -9 at any step of taking in a text or a callback; the provider tries twice."""
    world = story.world
    world.plan(4)
    world.network.change_habits(again_after=0.05)

    def turn() -> None:
        if story.over:
            world.send()
            return
        step, nth = one_of(story, WEB_STEPS)
        web = start_web(story.orders(step, nth * 2))
        _some_write(story)
        world.send()
        world.network.settle()
        if web.exitcode is None and web.is_alive():
            web.terminate()
        count(story, _ended(web), step)
        story.check_now("I2", "D2")

    world.play(turn)
    world.seen.receipts = False


def _some_write(story: Story) -> None:
    world = story.world
    with world.sessions() as db:
        rows = db.execute(
            select(Address.value, Clinic.sender).join(Clinic, Clinic.id == Address.clinic_id)
        ).all()
    for phone, sender in story.chance.choices(rows, k=2):
        said = story.chance.choices((FINE, STOPS, REDS, RED_STOPS), weights=(8, 1, 3, 1))[0]
        world.write(phone, sender, story.chance.choice(said))


def _ended(process) -> int:
    code = end(process)
    return 0 if code == -signal.SIGTERM else code


# --- F3: the provider breaks ---------------------------------------------------------------------

_TROUBLES = (
    Rule(Trouble.REFUSE, status=429, code=20429, retry_after=1),
    Rule(Trouble.REFUSE, status=500),
    Rule(Trouble.REFUSE, status=503),
    Rule(Trouble.REFUSE, status=400, code=21610),
    Rule(Trouble.REFUSE, status=400, code=21211),
    Rule(Trouble.HANG),
    Rule(Trouble.RESET),
    Rule(Trouble.TAKE_AND_HANG),
    Rule(Trouble.TAKE_AND_CUT),
    Rule(Trouble.TAKE_AND_FAIL, status=500),
    Rule(Trouble.HALF_ANSWER),
    Rule(Trouble.CUT_ANSWER),
    Rule(Trouble.NO_SID),
    Rule(Trouble.SLOW, delay=0.1),
)


def broken_provider(story: Story) -> None:
    """Refusals, errors, silence, and texts that are taken though the answer does not arrive."""
    world = story.world
    world.plan(5)

    def turn() -> None:
        model = story.chance.choice(_TROUBLES)
        times = story.chance.randint(1, 3)
        rule = Rule(
            model.trouble,
            times=times,
            status=model.status,
            code=model.code,
            delay=model.delay,
            retry_after=model.retry_after,
        )
        world.network.break_with(rule)
        world.send()
        world.network.mend()
        world.note_opt_outs()
        kind = model.trouble.value + (f" {model.status}" if model.trouble is Trouble.REFUSE else "")
        for _ in range(times - (rule.times or 0)):
            story.hit(kind)

    world.play(peacefully(story, turn))


# --- F12, F13, F16: callbacks and texts, in disorder and again -----------------------------------


def callbacks_in_disorder(story: Story) -> None:
    """Callbacks twice, in any order, also before the answer to the post itself."""
    world = story.world
    web = start_web(story.orders())
    world.network.change_habits(order="shuffled", copies=2, latency=0.01)
    world.plan(4)

    def turn() -> None:
        before = len(world.network.texts())
        world.send()
        world.network.settle()
        for _ in range(len(world.network.texts()) - before):
            story.hit("text")

    world.play(turn)
    web.kill()
    web.join()


def texts_again(story: Story) -> None:
    """Each inbound text eight times at once, and once more, from the beginning, in the end."""
    world = story.world
    web = start_web(story.orders())
    world.network.change_habits(inbound=False)
    world.plan(4)
    posted: list[dict[str, str]] = []
    with ThreadPoolExecutor(8) as threads:

        def turn() -> None:
            world.send()
            if story.over:
                return
            before = {text.sid for text in world.network.texts()}
            _some_write(story)
            for text in world.network.texts():
                if text.sid not in before and text.direction == "inbound":
                    form = _inbound(story, text.sid, text.sender or "", text.recipient, text.body)
                    posted.append(form)
                    list(threads.map(lambda _: _post(story, form), range(8)))  # noqa: B023
                    story.hit("text")
            world.note_opt_outs()

        world.play(turn)
        list(threads.map(lambda form: _post(story, form), posted))
    web.kill()
    web.join()


def _inbound(story: Story, sid: str, sender: str, clinic: str, body: str) -> dict[str, str]:
    return {
        "MessageSid": sid,
        "AccountSid": story.world.account.sid,
        "From": sender,
        "To": clinic,
        "Body": body,
        "NumMedia": "0",
    }


def _post(story: Story, form: dict[str, str]) -> None:
    url = f"{story.world.public_url}/webhooks/twilio/inbound"
    signer = RequestValidator(story.world.account.auth_token)
    answer = httpx.post(
        url,
        data=form,
        headers={"X-Twilio-Signature": signer.compute_signature(url, form)},
        timeout=20,
    )
    if answer.status_code != 200:
        story.tally.odd[f"a replay was answered {answer.status_code}"] += 1
