// Keeps the page fresh without losing what somebody is typing. The page works without it.
"use strict";

const SECONDS = 2;

function somebodyIsTyping() {
  return [...document.querySelectorAll("textarea, input[type=tel]")].some((box) => box.value);
}

function replaceWhatChanged(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (now && now.innerHTML !== old.innerHTML) {
      old.replaceChildren(...now.cloneNode(true).childNodes);
    }
  }
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const phones = document.getElementById("phones");
  const freshPhones = fresh.getElementById("phones");
  if (phones && phones.dataset.list !== freshPhones?.dataset.list && !somebodyIsTyping()) {
    document.getElementById("main").replaceWith(fresh.getElementById("main"));
    return;
  }
  replaceWhatChanged(fresh);
}

setInterval(() => refresh().catch(() => {}), SECONDS * 1000);
