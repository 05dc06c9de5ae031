// What the card does besides working without this: its texts appear while one types, who is known
// at a number is offered at once, and an unsaved card survives a lost connection in this tab.
(() => {
  "use strict";
  const KEPT = "aftercare-card";

  const saved = document.querySelector("[data-saved]");
  const kept = () => {
    try { return JSON.parse(sessionStorage.getItem(KEPT)); } catch { return null; }
  };
  const drop = () => { try { sessionStorage.removeItem(KEPT); } catch { /* nothing was kept */ } };
  if (saved) {
    const draft = kept();
    if (draft && saved.dataset.saved === `card:${draft.id}`) drop();
  }

  const form = document.getElementById("card");
  if (!form) return;
  const part = (id) => document.getElementById(id);
  const value = (name) => (form.elements.namedItem(name) || {}).value || "";
  form.classList.add("has-script");

  // An own draft comes back; somebody else's, on a shared tablet, is thrown away unread.
  const draft = kept();
  if (draft && draft.owner !== form.dataset.owner) drop();
  else if (draft && form.dataset.fresh === "yes" && fill(draft)) part("draft-back").hidden = false;
  part("draft-drop").addEventListener("click", () => { drop(); location.assign("/today/new"); });

  function fill(from) {
    const fields = new Map();
    for (const [name, one] of from.fields) fields.set(name, [...(fields.get(name) || []), one]);
    for (const field of form.elements) {
      if (!field.name || field.name === "form_token" || field.type === "submit") continue;
      const given = fields.get(field.name) || [];
      if (field.type === "checkbox" || field.type === "radio") field.checked = given.includes(field.value);
      else field.value = given[0] || "";
    }
    return true;
  }

  function keep() {
    const fields = [...new FormData(form)].filter(([name]) => name !== "form_token");
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ id: value("card_id"), owner: form.dataset.owner, fields }));
      part("draft-note").hidden = false;
    } catch { /* a private window may keep nothing */ }
  }

  // Only the newest question's answer is shown: an older one may arrive later.
  function asks(path, into) {
    let newest = 0;
    let timer = 0;
    const ask = async () => {
      const mine = ++newest;
      const place = part(into);
      try {
        const answer = await fetch(path, {
          method: "POST",
          body: new URLSearchParams(new FormData(form)),
          headers: { Accept: "text/html" },
          redirect: "error",
        });
        if (!answer.ok || mine !== newest) return;
        place.innerHTML = await answer.text();
        place.classList.remove("stale");
      } catch {
        if (mine === newest) place.classList.add("stale");
      }
    };
    return (wait) => { clearTimeout(timer); timer = setTimeout(ask, wait); };
  }

  const texts = asks("/today/new/texts", "texts");
  const known = asks("/today/new/known", "known");
  let looked = value("phone");
  form.addEventListener("input", (event) => {
    keep();
    texts(event.target.type === "text" || event.target.type === "tel" ? 500 : 150);
    const digits = value("phone").replace(/\D/g, "");
    if (event.target.name === "phone" && digits.length >= 10 && digits !== looked) {
      looked = digits;
      known(250);
    }
  });
  form.addEventListener("submit", keep);
  if (form.dataset.fresh === "yes" && !part("draft-back").hidden) texts(0);
})();
