// How often the buttons of a site were clicked that its owner declared, and which nobody clicked on.

import { useId } from "preact/hooks";
import { type Button, type Buttons as Answer, buttons as askButtons, importedText } from "./api";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { Refusal } from "./parts";
import type { Span } from "./period";
import type { View } from "./url";

const unfiltered = "Clicks on buttons are shown for all visitors together. Remove the filters to see them.";

interface Props {
  site: string;
  view: View;
  span: Span;
  tick: number;
}

/** The panel of the site's buttons. The site has declared at least one. */
export function Buttons({ site, view, span, tick }: Props) {
  const id = useId();
  const counted = view.filters.length === 0;
  return (
    <section class={`card panel buttons ${counted ? "" : "off"}`} aria-labelledby={id} data-panel="buttons">
      <header class="panel-head"><h2 id={id}>Buttons</h2></header>
      <div class="panel-body">
        {counted ? <Clicks site={site} span={span} tick={tick} /> : <Refusal status={400} reason={unfiltered} />}
      </div>
    </section>
  );
}

function Clicks({ site, span, tick }: { site: string; span: Span; tick: number }) {
  const { data, error, loading } = useAnswer(JSON.stringify([site, span]), tick, (signal) => askButtons(site, span, signal));
  if (error && !data) return <Refusal status={error.status} reason={error.message} />;
  if (!data) return <div class="bones" aria-hidden="true"><span class="bone" /><span class="bone" /></div>;
  const most = Math.max(...[...data.declared, ...data.undeclared].map((b) => b.clicks));
  const others = data.undeclared.length;
  return (
    <div class={loading ? "stale" : ""} aria-busy={loading}>
      <div class="row-heads" aria-hidden="true">
        <span>Button</span>
        <span class="num">Clicks</span>
        <span class="num" title="Who clicked, everybody anew on each day">Visitors</span>
      </div>
      <ol class="rows">{data.declared.map((b) => <ButtonRow key={b.element} button={b} most={most} />)}</ol>
      <Notes answer={data} />
      {others > 0 && (
        <details class="undeclared">
          <summary>Clicked, but not declared: {data.more_undeclared && "more than "}{others}</summary>
          <ol class="rows">{data.undeclared.map((b) => <ButtonRow key={b.element} button={b} most={most} />)}</ol>
        </details>
      )}
    </div>
  );
}

function ButtonRow({ button, most }: { button: Button; most: number }) {
  const { element, clicks, visitors, never_clicked: never } = button;
  return (
    <li class="row" data-value={element}>
      <span class="bar-space">{clicks > 0 && <span class="bar-fill" style={{ width: `${(clicks / most) * 100}%` }} />}</span>
      <span class="name">
        <span class="name-text" title={element}>{element}</span>
        {never && <span class="never">never clicked</span>}
      </span>
      <span class="num" data-number="clicks" title={fmt.count(clicks)}>
        {fmt.shortCount(clicks)}<span class="hidden"> clicks</span>
      </span>
      <span class="num" data-number="visitors" title={fmt.count(visitors)}>
        {fmt.shortCount(visitors)}<span class="hidden"> visitors</span>
      </span>
    </li>
  );
}

function Notes({ answer }: { answer: Answer }) {
  return (
    <>
      {answer.untold_clicks !== undefined && (
        <p class="note">
          Up to {fmt.count(answer.untold_clicks)} more {answer.untold_clicks === 1 ? "click" : "clicks"} came after the day's limit of
          different values. On which button is not known, so none is called never clicked.
        </p>
      )}
      {answer.left_out_days && <p class="note">{importedText("Without", answer.left_out_days)}</p>}
      {answer.hint !== undefined && <p class="note">{answer.hint}</p>}
    </>
  );
}
