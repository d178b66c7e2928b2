// Small inline drawings. All are decoration: what they mean is said in text beside them.

import type { ComponentChildren } from "preact";

/** The logo: a tally of five, its strokes grown like grass. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="30" height="30" fill="none" stroke-width="3.2" stroke-linecap="round" aria-hidden="true">
      <path
        class="logo-blades"
        d="M6.5 27C7 20 6.6 12 5 6M13 27c.4-7 .2-15-.8-21M19.5 27c-.2-7 .2-15 1.2-21M26 27c-.6-7-.2-15 1.4-21"
      />
      <path class="logo-strike" d="M2.5 21.500C11 19 21 14.5 29.5 9.5" />
    </svg>
  );
}

/** Most strokes that are drawn; more are just the number. */
const maxStrokes = 15;

/** A number as a tally: four strokes, and the fifth across them. */
export function Tally({ n }: { n: number }) {
  const shown = Math.min(n, maxStrokes);
  const strokes = [];
  let x = 2;
  for (let i = 1; i <= shown; i++) {
    if (i % 5 === 0) {
      strokes.push(<path key={i} d={`M${x - 17.5} 12.5 L${x - 1} 4`} />);
      x += 4;
    } else {
      strokes.push(<path key={i} d={`M${x} 14 V2.5`} />);
      x += 4;
    }
  }
  const width = Math.max(x, 4);
  return (
    <svg class="tally" viewBox={`0 0 ${width} 16`} width={width} height="16" aria-hidden="true">{strokes}</svg>
  );
}

function Icon({ children, size = 16 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width={size} height={size} fill="none" stroke="currentColor" stroke-width="1.6"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {children}
    </svg>
  );
}

export const Close = () => <Icon><path d="M4 4l8 8M12 4l-8 8" /></Icon>;
export const Left = () => <Icon><path d="M10 3L5 8l5 5" /></Icon>;
export const Right = () => <Icon><path d="M6 3l5 5-5 5" /></Icon>;
export const Sun = () => (
  <Icon>
    <circle cx="8" cy="8" r="3" />
    <path d="M8 1v1.500M8 13.500V15M1 8h1.500M13.5 8H15M3.1 3.100l1 1M11.9 11.900l1 1M3.1 12.900l1-1M11.9 4.100l1-1" />
  </Icon>
);
export const Moon = () => <Icon><path d="M13.5 9.800A6 6 0 1 1 6.2 2.500a4.8 4.8 0 0 0 7.3 7.300z" /></Icon>;
export const Info = () => <Icon size={14}><circle cx="8" cy="8" r="6.5" /><path d="M8 7.500v3.500M8 5v.01" /></Icon>;
export const Search = () => <Icon><circle cx="7" cy="7" r="4.5" /><path d="M10.5 10.500L14 14" /></Icon>;
export const More = () => <Icon size={14}><path d="M2.5 4h11M2.5 8h11M2.5 12h7" /></Icon>;
export const Calendar = () => <Icon><path d="M2.5 4h11v9.500h-11zM2.5 7h11M5.5 2v2.500M10.5 2v2.5" /></Icon>;
export const Lock = () => <Icon size={18}><path d="M3.5 7.500h9v6h-9zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.5" /></Icon>;
