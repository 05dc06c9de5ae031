// Keeps the call list as it is now; without it the page still works, and is as of when it was opened.
(() => {
  const live = document.getElementById("live");
  const state = document.getElementById("live-state");
  const sound = document.getElementById("sound");
  if (!live || !window.EventSource) return;
  const title = document.title.replace(/^\(\d+\) /, "");
  let waiting = null;
  let known = Number(live.firstElementChild.dataset.count);
  let audio = null;

  // Nothing may move under a hand that is about to press it.
  const busy = () => live.querySelector("details[open]") || live.querySelector("textarea:focus, input:focus");

  const show = () => {
    if (waiting === null || busy()) return;
    const held = document.activeElement && document.activeElement.closest("#live a[href], #live button");
    const path = held && (held.getAttribute("href") || (held.form && held.form.getAttribute("action")));
    live.innerHTML = waiting;
    waiting = null;
    if (path) {
      const again = live.querySelector(`[href="${path}"], form[action="${path}"] button`);
      if (again) again.focus();
    }
  };

  const beep = () => {
    if (!audio) return;
    const tone = audio.createOscillator();
    tone.connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.25);
  };

  sound.hidden = false;
  sound.firstElementChild.checked = false;
  sound.addEventListener("change", (event) => {
    audio = event.target.checked ? new AudioContext() : null;
    beep();
  });
  document.addEventListener("toggle", show, true);
  document.addEventListener("focusout", () => setTimeout(show));

  const news = new EventSource(live.dataset.events);
  const say = (words, lost) => { state.textContent = words; state.classList.toggle("lost", lost); };
  news.onopen = () => say("Live", false);
  news.onerror = () => say("Not live: the connection is lost. Load the page again.", true);
  news.addEventListener("over", () => { news.close(); location.reload(); });
  news.addEventListener("list", (event) => {
    waiting = event.data;
    const count = Number(/data-count="(\d+)"/.exec(waiting)[1]);
    document.title = (count ? `(${count}) ` : "") + title;
    if (count > known) beep();
    known = count;
    show();
  });
})();
