// Shows the result below the form without a new page, so that the chosen file stays chosen: what
// was checked can be imported. Without this script both buttons work, with the file chosen again.

const form = document.querySelector("form[data-import]");
// The console's own script would look for a text field beside it.
form.querySelector("input[type=file]").hasChangeListener = true;
const busy = form.querySelector("[data-busy]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => (button.disabled = true));
  busy.hidden = false;
  try {
    const response = await fetch(location.href, { method: "POST", body: data });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const result = page.querySelector("#result");
    if (!result) throw new Error(`HTTP ${response.status}`);
    document.querySelector("#result").replaceWith(result);
  } catch (error) {
    const problem = document.createElement("p");
    problem.className = "wf-card wf-card-bad wf-error";
    problem.textContent = `${error.message || error}`;
    document.querySelector("#result").replaceChildren(problem);
  } finally {
    buttons.forEach((button) => (button.disabled = false));
    busy.hidden = true;
  }
});
