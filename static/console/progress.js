// Keeps a running session's page fresh: asks how far it is, and fetches the page's live parts
// anew when something has ended. Without this script the page is the same after a reload.

const PAUSE = 1500;
const page = document.querySelector("[data-progress]");

async function refreshParts() {
  const response = await fetch(window.location.href, { credentials: "same-origin" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of page.querySelectorAll("[data-live]")) {
    const replacement = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (replacement) part.replaceWith(document.adoptNode(replacement));
  }
}

async function follow(before) {
  let now = before;
  try {
    const response = await fetch(page.dataset.progress, { credentials: "same-origin" });
    if (response.ok && !response.redirected) {
      const progress = await response.json();
      now = JSON.stringify(progress);
      if (now !== before) await refreshParts();
      if (!progress.is_open) return;
    }
  } catch {
    // The server restarts, or the network is away: the next round asks again.
  }
  window.setTimeout(follow, PAUSE, now);
}

if (page) window.setTimeout(follow, PAUSE, "");
