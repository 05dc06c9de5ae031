// While it is not known what came of a test, look again: only that part of the page changes.
"use strict";
(() => {
  const wait = 2000, most = 30;
  let looks = 0;

  const look = async () => {
    const box = document.querySelector("#tests-box[data-look-again]");
    if (!box || looks++ >= most) return;
    const link = box.querySelector("a");
    try {
      const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("#tests-box");
      if (answer.ok && fresh) {
        box.querySelector(".tests").replaceChildren(...fresh.querySelector(".tests").children);
        if (!("lookAgain" in fresh.dataset)) delete box.dataset.lookAgain;
      }
    } catch {
      // The connection is away: the next look may find it again.
    }
    setTimeout(look, wait);
  };

  setTimeout(look, wait);
})();

// While a wording is typed, what it takes is counted by the same form that counts without script.
(() => {
  const form = document.querySelector("form[data-count]");
  if (!form) return;
  const soon = 300;
  let due = 0, asked = 0;

  const count = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("#count");
      // An older answer must not stand beside newer words.
      if (answer.ok && fresh && mine === asked) document.querySelector("#count").replaceChildren(...fresh.childNodes);
    } catch {
      // The connection is away: the button counts when it is back.
    }
  };

  form.querySelector("textarea").addEventListener("input", () => {
    clearTimeout(due);
    due = setTimeout(count, soon);
  });
})();
