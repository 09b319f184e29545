// The editor of a classification rule: draws the tree of its expression as form fields, keeps the
// JSON beside it, and asks for a preview when something has changed. What may be asked for each
// predicate comes from the server, which reads it off the published JSON Schema. A pointer
// (/match/all/0/name) says where in the expression an element stands, for the complaints.

const PAUSE = 400;
const MANY = 12;
const data = JSON.parse(document.getElementById("rule-data").textContent);
const { words } = data;
const groups = new Map(data.groups.map((one) => [one.name, one]));
const fields = new Map(data.fields.map((one) => [one.name, one]));
const form = document.querySelector("[data-rule]");
const tree = form.querySelector("[data-tree]");
const json = form.querySelector("[name=expression]");
const state = form.querySelector("[data-state]");
const result = form.querySelector("[data-preview-result]");

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter(Boolean));
  return element;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const button = (text, label, onclick, more = {}) =>
  make("button", { type: "button", class: "wf-rule-small", text, "aria-label": label, title: label, onclick, ...more });

// --- the expression -----------------------------------------------------------------------------

let expression = whole(data.document);

function whole(document) {
  return isObject(document) && isObject(document.match) ? document : { version: 5, match: { all: [] } };
}

const kindOf = (node) => Object.keys(node)[0];
const childrenOf = (node) => {
  const value = node[kindOf(node)];
  return Array.isArray(value) ? value : [value];
};

function freshValue(field) {
  if (field.widget === "picks") return [];
  if (field.widget === "texts") return field.may_be_empty ? [] : [""];
  if (field.widget === "yes_no") return true;
  const required = field.parts.filter((part) => part.required);
  return Object.fromEntries(required.map((part) => [part.name, freshValue(part)]));
}

// What is inside comes along where there is room for it.
function changedKind(node, kind) {
  if (!groups.has(kind)) return { [kind]: freshValue(fields.get(kind)) };
  const inside = groups.has(kindOf(node)) ? childrenOf(node) : [node];
  if (kind !== "not") return { [kind]: inside };
  return { not: inside.length === 1 ? inside[0] : { all: inside } };
}

// --- drawing ------------------------------------------------------------------------------------

function redraw(focus) {
  tree.replaceChildren(
    drawNode(expression.match, "/match", {
      replace: (node) => { expression.match = node; },
      remove: () => { expression.match = { all: [] }; },
    }),
  );
  if (focus) at(focus)?.querySelector("select:enabled, input:enabled, button:enabled")?.focus();
  changed();
}

const at = (pointer) => tree.querySelector(`[data-pointer="${CSS.escape(pointer)}"]`);

function drawNode(node, pointer, place) {
  const kind = kindOf(node);
  const known = groups.get(kind) ?? fields.get(kind);
  const box = make("fieldset", {
    class: groups.has(kind) ? "wf-rule wf-rule-group" : "wf-rule",
    "data-pointer": pointer,
    disabled: !data.may_edit,
  });
  box.append(make("div", { class: "wf-rule-head" }, kindSelect(node, pointer, place), ...movers(pointer, place), make("span", { class: "wf-hint", text: known?.help ?? "" })));
  if (groups.has(kind)) box.append(...drawGroup(node, kind, `${pointer}/${kind}`));
  else if (known) box.append(drawField(known, node[kind], `${pointer}/${kind}`, (value) => { node[kind] = value; changed(); }));
  else box.append(make("p", { class: "wf-code", text: JSON.stringify(node) }));
  return box;
}

function kindSelect(node, pointer, place) {
  const kind = kindOf(node);
  const isFull = groups.has(kind) && childrenOf(node).length > 0;
  const option = (one) => make("option", { value: one.name, text: one.title, selected: one.name === kind });
  const select = make("select", {
    "aria-label": words.kind,
    onchange: ({ target }) => {
      place.replace(changedKind(node, target.value));
      redraw(pointer);
    },
  });
  if (!groups.has(kind) && !fields.has(kind)) select.append(make("option", { text: `${words.unknown}: ${kind}`, selected: true }));
  select.append(make("optgroup", { label: words.groups }, ...data.groups.map(option)));
  // A group with something in it can't become a condition: that would be lost.
  if (!isFull) select.append(make("optgroup", { label: words.conditions }, ...data.fields.map(option)));
  return select;
}

function movers(pointer, place) {
  if (!data.may_edit) return [];
  const remove = button("✕", words.remove, () => {
    place.remove();
    redraw(parentOf(pointer));
  });
  if (!place.move) return [remove];
  const by = (step) => () => redraw(place.move(step));
  return [
    button("↑", words.up, by(-1), { disabled: place.isFirst }),
    button("↓", words.down, by(1), { disabled: place.isLast }),
    remove,
  ];
}

const parentOf = (pointer) => pointer.replace(/\/(all|any)\/\d+$|\/not$/, "");

function drawGroup(node, kind, pointer) {
  if (kind === "not") {
    const place = {
      replace: (child) => { node.not = child; },
      remove: () => { node.not = { all: [] }; },
    };
    return [isObject(node.not) ? drawNode(node.not, pointer, place) : ""];
  }
  const list = node[kind];
  const nodes = make("div", { class: "wf-rule-nodes" });
  list.forEach((child, index) => {
    nodes.append(drawNode(child, `${pointer}/${index}`, {
      replace: (other) => { list[index] = other; },
      remove: () => { list.splice(index, 1); },
      move: (step) => {
        list.splice(index + step, 0, ...list.splice(index, 1));
        return `${pointer}/${index + step}`;
      },
      isFirst: index === 0,
      isLast: index === list.length - 1,
    }));
  });
  if (!list.length) nodes.append(make("p", { class: "wf-hint", text: words.empty }));
  const add = (child) => () => {
    list.push(child());
    redraw(`${pointer}/${list.length - 1}`);
  };
  const [first] = data.fields;
  const buttons = make("div", { class: "wf-rule-head" },
    make("button", { type: "button", class: "wf-rule-small", text: `+ ${words.condition}`, onclick: add(() => ({ [first.name]: freshValue(first) })) }),
    ...data.groups.map((one) => make("button", { type: "button", class: "wf-rule-small", text: `+ ${one.title}`, onclick: add(() => changedKind({ all: [] }, one.name)) })));
  return [nodes, data.may_edit && buttons].filter(Boolean);
}

// --- fields -------------------------------------------------------------------------------------

function drawField(field, value, pointer, set) {
  const box = WIDGETS[field.widget](field, value, pointer, set);
  box.dataset.pointer = pointer;
  return box;
}

function picks(field, value, _pointer, set) {
  const chosen = new Set(Array.isArray(value) ? value : []);
  const known = new Set(field.choices.map(([name]) => name));
  const missing = [...chosen].filter((name) => !known.has(name)).map((name) => [name, `${name} (${words.not_listed})`]);
  const choices = [...field.choices, ...missing];
  const labels = choices.map(([name, title]) => {
    const onchange = ({ target }) => {
      if (target.checked) chosen.add(name);
      else chosen.delete(name);
      set(choices.map(([one]) => one).filter((one) => chosen.has(one)));
    };
    return make("label", {}, make("input", { type: "checkbox", checked: chosen.has(name), onchange }), make("span", { text: title }));
  });
  const oninput = ({ target }) => {
    const wanted = target.value.toLowerCase();
    for (const label of labels) label.hidden = !label.textContent.toLowerCase().includes(wanted);
  };
  const title = () => choices.filter(([name]) => chosen.has(name)).map(([, text]) => text).join(", ") || words.any;
  // Where it is one part of many, what was chosen is enough to see.
  const summary = "required" in field && make("summary", { class: "wf-rule-small", text: title() });
  return make(summary ? "details" : "div", { role: "group", "aria-label": field.title, onchange: () => summary && summary.replaceChildren(title()) },
    summary,
    choices.length > MANY && make("input", { type: "search", placeholder: words.filter, "aria-label": `${words.filter}: ${field.title}`, oninput }),
    make("div", { class: "wf-rule-picks" }, ...labels),
    !choices.length && make("p", { class: "wf-hint", text: words.no_choice }));
}

function texts(field, value, pointer, set) {
  const list = Array.isArray(value) ? [...value] : [];
  const box = make("div", { class: "wf-rule-texts", role: "group", "aria-label": field.title });
  const draw = (focus) => {
    const rows = list.map((text, index) => {
      const input = make("input", { type: "text", value: String(text), maxlength: field.max_length, title: field.item_help, "aria-label": `${field.title} ${index + 1}`, spellcheck: "false", autocapitalize: "off" });
      input.addEventListener("input", () => {
        list[index] = input.value;
        set([...list]);
      });
      input.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        add();
      });
      const remove = () => {
        list.splice(index, 1);
        set([...list]);
        draw(Math.min(index, list.length - 1));
      };
      return make("div", { class: "wf-rule-text", "data-pointer": `${pointer}/${index}` }, input, data.may_edit && button("✕", `${words.remove}: ${field.title} ${index + 1}`, remove));
    });
    box.replaceChildren(...rows, ...(data.may_edit ? [button(`+ ${words.add}`, `${words.add}: ${field.title}`, add)] : []));
    if (focus !== undefined) (box.querySelectorAll("input")[focus] ?? box.querySelector("button"))?.focus();
  };
  const add = () => {
    list.push("");
    set([...list]);
    draw(list.length - 1);
  };
  draw();
  return box;
}

function pick(field, value, options, set) {
  const select = make("select", { "aria-label": field.title, onchange: () => set(options[select.selectedIndex][0]) });
  select.append(...options.map(([one, title]) => make("option", { text: title, selected: one === value })));
  return make("div", {}, select);
}

// A part that is left out is not asked for, or is its default.
function yesNo(field, value, _pointer, set) {
  const options = [[true, words.yes], [false, words.no]];
  if (field.default === null) options.unshift([undefined, words.either]);
  return pick(field, value ?? field.default ?? undefined, options, set);
}

const choice = (field, value, _pointer, set) => pick(field, value ?? field.default, field.choices, set);

function number(field, value, _pointer, set) {
  const oninput = ({ target }) => set(target.value === "" ? undefined : Number(target.value));
  return make("div", {}, make("input", { type: "number", step: "1", min: field.min, max: field.max, value: value ?? "", "aria-label": field.title, oninput }));
}

function parts(field, value, pointer, set) {
  const told = isObject(value) ? { ...value } : {};
  const isEmpty = (part, one) => one === undefined || (!part.required && Array.isArray(one) && !one.length);
  const boxes = field.parts.map((part) => {
    const put = (one) => {
      if (isEmpty(part, one)) delete told[part.name];
      else told[part.name] = one;
      set({ ...told });
    };
    return make("div", { class: "wf-rule-part" },
      make("div", { class: "wf-rule-title", text: part.title }),
      drawField(part, told[part.name], `${pointer}/${part.name}`, put),
      make("span", { class: "wf-hint", text: part.help }));
  });
  return make("div", { class: "wf-rule-parts", role: "group", "aria-label": field.title }, ...boxes);
}

const WIDGETS = { picks, texts, yes_no: yesNo, choice, number, parts };

// --- complaints ---------------------------------------------------------------------------------

function complain(complaints) {
  for (const old of tree.querySelectorAll(".wf-rule-error")) old.remove();
  for (const old of tree.querySelectorAll("[aria-invalid]")) old.removeAttribute("aria-invalid");
  for (const { pointer, message } of complaints) {
    const place = nearest(pointer);
    place.append(make("p", { class: "wf-error wf-rule-error", text: message }));
    const isField = !place.matches(".wf-rule-group") && !place.querySelector("[data-pointer]");
    for (const input of isField ? place.querySelectorAll("input, select") : []) input.setAttribute("aria-invalid", "true");
  }
}

function nearest(pointer) {
  let found = tree.firstElementChild;
  for (const one of tree.querySelectorAll("[data-pointer]")) {
    const here = one.dataset.pointer;
    const isOnTheWay = pointer === here || pointer.startsWith(`${here}/`);
    if (isOnTheWay && here.length >= found.dataset.pointer.length) found = one;
  }
  return found;
}

// --- preview ------------------------------------------------------------------------------------

let timer;
let asking = new AbortController();
let shown = "gained";

function changed() {
  json.value = JSON.stringify(expression, null, 2);
  json.rows = Math.min(Math.max(json.value.split("\n").length, 6), 30);
  look();
}

function look(page = 1, pause = PAUSE) {
  window.clearTimeout(timer);
  asking.abort();
  state.textContent = words.waiting;
  timer = window.setTimeout(async () => {
    asking = new AbortController();
    const { signal } = asking;
    try {
      const answer = await ask(expression, page, signal);
      if (signal.aborted) return;
      state.textContent = "";
      complain(answer.errors ?? []);
      result.innerHTML = answer.html ?? "";
    } catch {
      if (!signal.aborted) state.textContent = words.failed;
    }
  }, pause);
}

async function ask(document, page, signal) {
  const body = new FormData();
  for (const name of ["csrfmiddlewaretoken", "rule", "engine", "classification"]) {
    const field = form.elements[name];
    if (field) body.append(name, field.value);
  }
  body.append("expression", JSON.stringify(document));
  body.append("show", shown);
  body.append("page", page);
  const response = await fetch(form.dataset.preview, { method: "POST", body, signal, credentials: "same-origin" });
  if (!response.ok && response.status !== 422) throw new Error(response.status);
  return response.json();
}

result.addEventListener("click", ({ target }) => {
  const pressed = target.closest("[data-show], [data-page]");
  if (!pressed) return;
  if (pressed.dataset.show) shown = pressed.dataset.show;
  look(pressed.dataset.page ?? 1, 0);
});
for (const name of ["engine", "classification"]) form.elements[name].addEventListener("change", () => look());

// --- pasting ------------------------------------------------------------------------------------

function readyToPaste(box) {
  const [area, list, use] = ["textarea", "ul", "button"].map((tag) => box.querySelector(tag));
  const say = (texts) => list.replaceChildren(...texts.map((text) => make("li", { text })));
  use.addEventListener("click", async () => {
    let document;
    try {
      document = JSON.parse(area.value);
    } catch {
      say([words.not_json]);
      return;
    }
    const answer = await ask(document, 1).catch(() => ({ errors: [{ pointer: "", message: words.failed }] }));
    say((answer.errors ?? []).map(({ pointer, message }) => `${pointer || "/"}: ${message}`));
    if (!answer.expression) return;
    expression = answer.expression;
    area.value = "";
    box.open = false;
    redraw("/match");
  });
}

const paste = form.querySelector("[data-paste]");
if (paste) readyToPaste(paste);
json.readOnly = true;
redraw();
complain(data.complaints);
