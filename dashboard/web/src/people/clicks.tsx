// What was clicked on, what never was, and where clicks were in anger or to no avail.

import { useEffect, useState } from "preact/hooks";
import * as fmt from "../format";
import { useAnswer } from "../hooks";
import { Builder, Select } from "./fields";
import { Bar, people, percent, Result, Table } from "./numbers";
import type { ReportProps } from "./page";
import { compact, oneOf, type Raw, textOf } from "./state";
import { askReport, type Clicks, type Element } from "./wire";

const onlys = [["", "All"], ["never", "Never clicked"], ["rage", "Clicked in anger"], ["dead", "Without effect"]] as const;
const bys = [["element", "Element"], ["page", "Page"]] as const;

interface Question {
  page: string; // with * in it; "" are all
  by: (typeof bys)[number][0];
  only: (typeof onlys)[number][0];
}

export function clicksOf(raw: Raw | undefined): Question {
  return {
    page: textOf(raw?.["page"]),
    by: oneOf(raw?.["by"], bys.map(([v]) => v)),
    only: oneOf(raw?.["only"], onlys.map(([v]) => v)),
  };
}

export function ClicksReport({ site, span, raw, suggestions, onAsk }: ReportProps) {
  const question = compact(clicksOf(raw));
  const loaded = useAnswer(JSON.stringify([site, span, question]), 0, (signal) =>
    askReport("clicks", site, span, question, signal));
  return (
    <>
      <ClicksForm raw={raw} suggestions={suggestions} onAsk={onAsk} />
      <Result loaded={loaded} hint="">{(a) => <Answer answer={a} byPage={clicksOf(raw).by === "page"} />}</Result>
    </>
  );
}

function ClicksForm({ raw, suggestions, onAsk }: Pick<ReportProps, "raw" | "suggestions" | "onAsk">) {
  const [q, setQ] = useState(() => clicksOf(raw));
  const key = JSON.stringify(raw);
  useEffect(() => setQ(clicksOf(raw)), [key]);
  return (
    <Builder onSubmit={() => onAsk(compact(q))}>
      <div class="options">
        <label class="field">
          <span>Page</span>
          <input
            type="text" name="page" list="clicks-pages" placeholder="All pages" value={q.page} maxLength={512} autocomplete="off"
            onInput={(e) => setQ({ ...q, page: e.currentTarget.value })}
          />
        </label>
        <datalist id="clicks-pages">{suggestions.pages.map((p) => <option key={p} value={p} />)}</datalist>
        <Select label="By" name="by" value={q.by} options={bys} onChange={(by) => setQ({ ...q, by })} />
        <Select label="Only" name="only" value={q.only} options={onlys} onChange={(only) => setQ({ ...q, only })} />
      </div>
    </Builder>
  );
}

function Answer({ answer, byPage }: { answer: Clicks; byPage: boolean }) {
  if (answer.elements.length === 0) return <p class="none">No such clicks in these days.</p>;
  return (
    <>
      <Table label="Clicks">
        <caption>{byPage ? "Pages" : "Elements"}</caption>
        <thead>
          <tr>
            {!byPage && <th scope="col">Element</th>}
            <th scope="col">Page</th>
            <th scope="col" class="num">Seen by</th>
            <th scope="col" class="num">Clicks</th>
            <th scope="col" class="num">Clicked by</th>
            <th scope="col" title="Of those who saw it">Share</th>
            <th scope="col" class="num" title="The same spot again and again">In anger</th>
            <th scope="col" class="num" title="Nothing answered">Without effect</th>
          </tr>
        </thead>
        <tbody>
          {answer.elements.map((e) => <Row key={`${e.page} ${e.element}`} element={e} byPage={byPage} />)}
        </tbody>
      </Table>
      {answer.cut && <p class="note">These are the first {fmt.count(answer.elements.length)}; choose a page to see the rest.</p>}
      <p class="note">Of fewer than 5 people no number is told. A share is of those who saw the element.</p>
    </>
  );
}

function Row({ element: e, byPage }: { element: Element; byPage: boolean }) {
  const never = e.never_clicked && <span class="badge bad">never clicked</span>;
  return (
    <tr data-value={byPage ? e.page : e.element}>
      {!byPage && <th scope="row">{e.element || "(not named)"}{never}</th>}
      {byPage ? <th scope="row">{e.page}{never}</th> : <td>{e.page}</td>}
      <td class="num" data-number="seen">{people(e.seen_by)}</td>
      <td class="num" data-number="clicks">{fmt.count(e.clicks)}</td>
      <td class="num">{people(e.clicked_by)}</td>
      <td class="bar-cell"><Bar part={(e.click_rate ?? 0) / 100} /> <span>{percent(e.click_rate)}</span></td>
      <td class="num" data-number="rage">{fmt.count(e.rage_clicks)}</td>
      <td class="num" data-number="dead">{fmt.count(e.dead_clicks)}</td>
    </tr>
  );
}
