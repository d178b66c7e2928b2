// The visitor's own page. It finds the visitor's id in this browser, or after the "#" of its address, where no server sees it, and
// asks with it what is kept. It stores nothing.
"use strict";

(() => {
  const { site, lang } = document.body.dataset;
  const words = document.body.dataset;
  const byId = (id) => document.getElementById(id);
  const status = byId("status");
  // The names of the opt-in script: the id and what was granted, and the date of a withdrawal.
  const ID = "turf_id";
  const OBJECTION = "turf_no";
  const isCID = /^[A-Za-z0-9_-]{22}$/;
  const maxRows = 200;
  let cid = "";

  const say = (what) => {
    status.textContent = what ? status.dataset[what] : "";
  };
  const show = (id, yes) => {
    byId(id).hidden = !yes;
  };
  const when = (time) => new Date(time).toLocaleString(lang, { dateStyle: "medium", timeStyle: "short" });

  const stored = () => {
    try {
      return JSON.parse(localStorage[ID]).cid || "";
    } catch {
      return "";
    }
  };

  // What this browser holds of the site is given up with the consent; only where this page is the site's own does it see it.
  const giveUp = () => {
    try {
      if (stored() !== cid) return;
      delete localStorage[ID];
      localStorage[OBJECTION] = new Date().toISOString();
    } catch {}
  };

  const subject = (rest) => `/v1/subjects/${cid}${rest}?site=${encodeURIComponent(site)}`;

  const cell = (text) => {
    const td = document.createElement("td");
    td.textContent = text;
    return td;
  };

  const list = (rows) => {
    byId("rows").replaceChildren(...rows.slice(0, maxRows).map((r) => {
      const tr = document.createElement("tr");
      const props = Object.entries(r.props || {}).map(([name, value]) => `${name}: ${value}`).join(", ");
      tr.append(cell(when(r.time)), cell(props ? `${r.name} (${props})` : r.name), cell(r.hostname + r.path));
      return tr;
    }));
    show("table", rows.length > 0);
    show("empty", rows.length === 0);
    show("more", rows.length > maxRows);
  };

  const describe = (events, receipt) => {
    const changes = events.filter((e) => e.state !== "LINKED");
    const last = changes[changes.length - 1];
    const given = changes.filter((e) => e.state === "GIVEN" || e.state === "RENEWED").pop();
    const stands = last === given;
    byId("state").textContent = words[last.state.toLowerCase()];
    byId("state").dataset.state = last.state;
    byId("since").textContent = when(given.received_at);
    byId("until").textContent = stands ? when(given.valid_until) : when(last.received_at);
    byId("record").textContent = given.record_id;
    byId("purposes").replaceChildren(...receipt.purposes.map((p) => {
      const li = document.createElement("li");
      li.textContent = `${p.description}: ${p.consented ? words.yes : words.no}`;
      return li;
    }));
    show("take-back", stands);
    byId("export").href = subject("/export");
    for (const a of document.querySelectorAll("[data-form]")) {
      a.href = `/v1/consent/receipt/${given.record_id}?format=${a.dataset.form}&cid=${cid}`;
    }
  };

  const load = async (after) => {
    if (!after) say("wait");
    const answer = await fetch(subject("/export"));
    if (answer.status === 410 || answer.status === 400) {
      show("about", false);
      show("none", !after);
      return say(after || "gone");
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const lines = (await answer.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const events = lines.filter((l) => l.type === "consent").map((l) => l.event);
    const receipt = await (await fetch(`/v1/consent/receipt/${events[0].record_id}?cid=${cid}`)).json();
    if (lines.some((l) => l.type === "error")) throw new Error("the export broke off");
    describe(events, receipt);
    list(lines.filter((l) => l.type === "event"));
    show("none", false);
    show("about", true);
    say(after);
  };

  const failed = () => say("failed");

  const end = (button, send, then) => {
    byId(button).addEventListener("click", async () => {
      byId(button).disabled = true;
      try {
        const answer = await send();
        if (!answer.ok) throw new Error(String(answer.status));
        giveUp();
        await then();
      } catch {
        failed();
      }
      byId(button).disabled = false;
    });
  };

  end("withdraw", () => fetch("/v1/consent/withdraw", { method: "POST", body: JSON.stringify({ site, cid, erase: true }) }),
    () => load("withdrawn"));
  end("erase", () => fetch(subject(""), { method: "DELETE" }), () => {
    show("about", false);
    say("erased");
  });

  byId("enter").addEventListener("submit", (e) => {
    e.preventDefault();
    cid = new FormData(e.target).get("cid").trim();
    load("").catch(failed);
  });

  // The id goes with whoever chooses another language, after the "#".
  const links = () => {
    for (const a of document.querySelectorAll("[data-lang-link]")) {
      a.addEventListener("click", () => {
        a.hash = cid;
      });
    }
  };

  const begin = () => {
    const named = location.hash.slice(1);
    // Not in the history, and not in what is copied from the address.
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    cid = isCID.test(named) ? named : stored();
    links();
    if (isCID.test(cid)) load("").catch(failed);
    else show("none", true);
  };
  begin();
})();
