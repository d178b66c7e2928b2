// Where on a page was clicked, or how far down it was seen, over a picture of the page that stays in the browser.

import { useEffect, useState } from "preact/hooks";
import * as fmt from "../format";
import { useAnswer } from "../hooks";
import { Builder, Select } from "./fields";
import { classPx, layHeat } from "./heat";
import { Result, Table } from "./numbers";
import type { ReportProps } from "./page";
import { compact, oneOf, type Raw, textOf, wholeOf } from "./state";
import { askReport, type Heatmap } from "./wire";

const kinds = [
  ["click", "Clicks"], ["rage", "Clicks in anger"], ["dead", "Clicks without effect"], ["scroll", "How far it was seen"],
] as const;
const maxWidth = 3840;
/** Places that are listed in the table. */
const listed = 20;
/** The largest picture that is read, in bytes. */
const maxPictureBytes = 20 << 20;

interface Question {
  page: string;
  kind: (typeof kinds)[number][0];
  width: number | undefined; // undefined: the class with the most
}

export function heatmapOf(raw: Raw | undefined): Question {
  const width = wholeOf(raw?.["width"], 0, maxWidth, -1);
  return {
    page: textOf(raw?.["page"]) || "/",
    kind: oneOf(raw?.["kind"], kinds.map(([v]) => v)),
    width: width < 0 ? undefined : width,
  };
}

export function HeatmapReport({ site, span, raw, suggestions, onAsk }: ReportProps) {
  const asked = heatmapOf(raw);
  const question = compact(asked);
  const loaded = useAnswer(JSON.stringify([site, span, question]), 0, async (signal) =>
    ({ ...await askReport("heatmap", site, span, question, signal), page: asked.page }));
  return (
    <>
      <HeatmapForm raw={raw} suggestions={suggestions} onAsk={onAsk} />
      <Result loaded={loaded} hint="">
        {(a) => <Answer key={a.page} answer={a} page={a.page} onWidth={(width) => onAsk(compact({ ...asked, page: a.page, width }))} />}
      </Result>
    </>
  );
}

function HeatmapForm({ raw, suggestions, onAsk }: Pick<ReportProps, "raw" | "suggestions" | "onAsk">) {
  const [q, setQ] = useState(() => heatmapOf(raw));
  const key = JSON.stringify(raw);
  useEffect(() => setQ(heatmapOf(raw)), [key]);
  const wrong = q.page.startsWith("/") ? undefined : "A path begins with /.";
  return (
    <Builder wrong={wrong} onSubmit={() => onAsk(compact({ ...q, width: undefined }))}>
      <div class="options">
        <label class="field">
          <span>Page</span>
          <input
            type="text" name="page" list="heatmap-pages" value={q.page} maxLength={512} required autocomplete="off"
            onInput={(e) => setQ({ ...q, page: e.currentTarget.value })}
          />
        </label>
        <datalist id="heatmap-pages">{suggestions.pages.map((p) => <option key={p} value={p} />)}</datalist>
        <Select label="Show" name="kind" value={q.kind} options={kinds} onChange={(kind) => setQ({ ...q, kind })} />
      </div>
    </Builder>
  );
}

interface Picture {
  url: string; // data:, so that it is nowhere but in this page
  width: number;
  height: number;
}

function Answer({ answer, page, onWidth }: { answer: Heatmap; page: string; onWidth: (width: number) => void }) {
  const [picture, setPicture] = useState<Picture>();
  const [problem, setProblem] = useState("");
  const choose = (file: File | undefined): void => {
    setProblem("");
    setPicture(undefined);
    if (file) readPicture(file).then(setPicture, (err: unknown) => setProblem(err instanceof Error ? err.message : String(err)));
  };
  const known = answer.widths.some((w) => w.width === answer.width);
  const classes = known ? [...answer.widths] : [{ width: answer.width, count: 0 }, ...answer.widths];
  return (
    <>
      <div class="options">
        <Select
          label="Width of the window" name="width" value={String(answer.width)}
          options={classes.sort((a, b) => a.width - b.width).map((w) =>
            [String(w.width), `${w.width}–${w.width + classPx - 1} px (${fmt.count(w.count)})`] as const)}
          onChange={(w) => onWidth(Number(w))}
        />
        <label class="field">
          <span>Picture of the page (stays in this browser)</span>
          <input
            type="file" name="picture" accept="image/png,image/jpeg,image/webp" onChange={(e) => choose(e.currentTarget.files?.[0])}
          />
        </label>
      </div>
      <p class="error" role="alert">{problem}</p>
      {answer.cells.length === 0
        ? <p class="none">Fewer than 5 clicks are kept of {page} in these days and this width: nothing is shown.</p>
        : <HeatPicture answer={answer} page={page} picture={picture} />}
    </>
  );
}

/** Reads a picture into the page, and only there. */
function readPicture(file: File): Promise<Picture> {
  return new Promise((resolve, reject) => {
    if (file.size > maxPictureBytes) {
      reject(new Error(`The picture is larger than ${maxPictureBytes >> 20} MB.`));
      return;
    }
    const no = (): void => reject(new Error("This file is no picture that the browser can show."));
    const reader = new FileReader();
    reader.onerror = no;
    reader.onload = () => {
      const url = String(reader.result);
      const image = new Image();
      image.onerror = no;
      image.onload = () => resolve({ url, width: image.naturalWidth, height: image.naturalHeight });
      image.src = url;
    };
    reader.readAsDataURL(file);
  });
}

function HeatPicture({ answer, page, picture }: { answer: Heatmap; page: string; picture: Picture | undefined }) {
  const l = layHeat(answer, picture);
  const scroll = answer.kind === "scroll";
  const top = [...l.spots].sort((a, b) => b.count - a.count || a.y - b.y || a.x - b.x).slice(0, listed);
  return (
    <>
      <div class={`heat ${scroll ? "scroll" : ""}`}>
        {picture && <img src={picture.url} alt={`Picture of ${page}, as you chose it`} />}
        <svg
          viewBox={`0 0 ${l.width} ${l.height}`} preserveAspectRatio="none" role="img"
          aria-label="The same as the table below, as a picture"
          style={picture ? undefined : { aspectRatio: `${l.width} / ${l.height}` }}
        >
          {l.spots.map((s) => (
            <rect
              key={`${s.x} ${s.y}`} x={s.x} y={s.y} width={s.width} height={s.height} data-count={s.count}
              style={{ opacity: 0.15 + 0.7 * s.strength }}
            >
              <title>{fmt.count(s.count)}</title>
            </rect>
          ))}
        </svg>
      </div>
      <Table label="Places of the heatmap">
        <caption>{scroll ? "How many saw so far down" : `The ${top.length} places with the most`}</caption>
        <thead>
          <tr>
            {!scroll && <th scope="col" class="num">From the left</th>}
            <th scope="col" class="num">From the top</th>
            <th scope="col" class="num">{scroll ? "Saw it" : "Clicks"}</th>
          </tr>
        </thead>
        <tbody>
          {top.map((s) => (
            <tr key={`${s.x} ${s.y}`} data-spot={`${s.x} ${s.y}`}>
              {!scroll && <td class="num">{Math.round((s.x / l.width) * 100)}%</td>}
              <td class="num">{fmt.count(s.y)}{scroll && `–${fmt.count(s.y + s.height)}`} px</td>
              <td class="num">{fmt.count(s.count)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
