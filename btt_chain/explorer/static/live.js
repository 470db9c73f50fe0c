// Fills in what changes with each block. Pages are complete without it.
"use strict";
(() => {
  const fill = (news) => {
    for (const [name, text] of Object.entries(news)) {
      for (const place of document.querySelectorAll(`[data-live="${name}"]`)) {
        place.textContent = text;
      }
    }
  };
  let busy = false;
  const refresh = async () => {
    const list = document.querySelector("[data-part]");
    if (!list || busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(list.dataset.part);
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-part]");
        // A reader who uses the keyboard keeps the place.
        if (fresh && !list.contains(document.activeElement)) list.replaceWith(fresh);
      }
    } finally {
      busy = false;
    }
  };
  const source = new EventSource("/live");
  source.onmessage = (event) => {
    fill(JSON.parse(event.data));
    refresh();
  };
  addEventListener("pagehide", () => source.close());
})();
