// Follows the audit log on its page. Records come as Server-Sent Events and become text, never markup. Everything else
// on the page works without this file.

const ROWS_MAX = 200;
const place = document.getElementById("follow");
const body = document.querySelector("main table tbody");
let source = null;
let skipped = 0;
// Records that came since the last picture: a flood costs a picture, and what is beyond the rows is not drawn.
let waiting = [];

const button = document.createElement("button");
button.type = "button";
const state = document.createElement("p");
state.setAttribute("role", "status");
place.append(button, state);
place.hidden = false;

function cell(row, name, text, kind) {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  row.append(made);
  return made;
}

function link(parent, address, text) {
  const made = document.createElement("a");
  made.href = address;
  made.textContent = text;
  parent.append(made);
}

const ELSEWHERE = new Set([
  "seq", "ts", "level", "type", "event", "device", "details", "payload_sha256", "observed_at",
]);
// Control characters and those that turn the direction around could disguise a name.
const ODD = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const plain = (value, most) => {
  const text = String(value ?? "–").replace(ODD, "\ufffd");
  return text.length > most ? text.slice(0, most) + "…" : text;
};

function details(row, record) {
  const made = cell(cell(row, "td", "", "m"), "div", record.details ? `${plain(record.details, 400)} ` : "", "details");
  const rest = Object.entries(record).filter(([key]) => !ELSEWHERE.has(key));
  const said = rest.map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  cell(made, "span", plain(said.join(" · "), 400), "quiet");
}

const SIGNS = { ERROR: ["bad", "✕"], WARN: ["warn", "▲"] };

function show(record) {
  const row = document.createElement("tr");
  row.className = "fresh";
  const when = cell(row, "th", plain(record.ts, 40).slice(11, 19));
  when.scope = "row";
  const level = cell(row, "td", "", "v");
  const badge = document.createElement("span");
  const [kind, sign] = SIGNS[record.level] ?? ["idle", "○"];
  badge.className = `badge ${kind}`;
  badge.textContent = `${sign} ${plain(record.level, 10)}`;
  level.append(badge);
  cell(row, "td", plain(record.type, 20), "m");
  cell(row, "td", plain(record.event, 60).replaceAll("_", " "));
  // Browsers take these two for ways through the tree.
  const leads = record.device && record.device !== "." && record.device !== "..";
  const device = cell(row, "td", leads ? "" : plain(record.device, 96), "v");
  if (leads) link(device, `/devices/${encodeURIComponent(record.device)}`, plain(record.device, 96));
  details(row, record);
  const itself = cell(row, "td", "", "n");
  const after = record.seq > 0 ? `after=${record.seq - 1}&` : "";
  link(itself, `/audit?${after}order=asc&limit=1`, String(record.seq));
  body.prepend(row);
  while (body.rows.length > ROWS_MAX) body.lastElementChild.remove();
}

function draw() {
  for (const data of waiting.splice(0)) {
    try {
      show(JSON.parse(data));
    } catch {
      skipped += 1;
    }
  }
  if (skipped > 0) said(`Following; ${skipped} records were not shown: too many at once.`);
}

function said(text) {
  state.textContent = text;
}

function stop(why) {
  source?.close();
  source = null;
  button.textContent = "Follow the log";
  said(why);
}

function start() {
  source = new EventSource(place.dataset.tail);
  button.textContent = "Pause";
  skipped = 0;
  said("Connecting …");
  source.onopen = () => said(`Following: new records appear on top; at most ${ROWS_MAX} rows are kept.`);
  source.onmessage = (event) => {
    if (waiting.length === 0) requestAnimationFrame(draw);
    waiting.push(event.data);
    if (waiting.length > ROWS_MAX) {
      waiting.shift();
      skipped += 1;
    }
  };
  source.addEventListener("pruned", () => said("Records were pruned before they could be shown."));
  source.addEventListener("problem", () => said("The log has a problem; see System."));
  source.onerror = () => {
    if (source?.readyState === EventSource.CLOSED) stop("The log cannot be followed now: too many follow it, or it is off.");
    else said("The connection broke; trying again …");
  };
}

button.addEventListener("click", () => (source ? stop("Paused.") : start()));
addEventListener("pagehide", () => source?.close());
stop("");
