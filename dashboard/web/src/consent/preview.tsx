// How the own prompt shows a notice.

import type { Draft } from "./api";

interface Props {
  draft: Draft;
  lang: string;
  onLang: (lang: string) => void;
}

export function Preview({ draft, lang, onLang }: Props) {
  const text = draft.lang[lang] ?? draft.lang[draft.default_lang];
  if (!text) return null;
  return (
    <figure class="preview">
      <figcaption>
        As Turf’s own prompt shows it, in{" "}
        <select aria-label="Language of the preview" value={lang} onChange={(e) => onLang(e.currentTarget.value)}>
          {Object.keys(draft.lang).map((l) => <option key={l} value={l}>{l}</option>)}
        </select>
      </figcaption>
      <div class="prompt" lang={lang}>
        <strong>{text.title}</strong>
        <p>{text.body}</p>
        <ul>
          {draft.purposes.map((at) => <li key={at}><span aria-hidden="true">☐ </span>{text.purposes[at.split("@")[0]!]}</li>)}
        </ul>
        <div class="prompt-row"><span>{text.accept}</span><span>{text.reject}</span></div>
      </div>
    </figure>
  );
}
