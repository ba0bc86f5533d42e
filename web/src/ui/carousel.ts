/**
 * The arrows below cards that do not fit side by side.
 *
 * Called by `panel.ts` when cards were drawn or changed their width, and by `views/content.ts`. Owns no state: the
 * scroll position is in the DOM.
 */

/** Show or hide the arrows of all rows of cards, and their position. */
export function settleCarousels(root: ParentNode): void {
  for (const row of root.querySelectorAll<HTMLElement>(".carousel > .cards")) {
    settle(row);
    row.onscroll = () => settle(row);
  }
}

/** Scroll to the next card, or with `step` -1 to the previous card. */
export function turnCards(event: Event, step: number): void {
  const row = (event.currentTarget as Element).closest(".carousel")!.firstElementChild as HTMLElement;
  const [first, second] = row.children as unknown as HTMLElement[];
  // Negative from right to left.
  row.scrollBy({ left: step * (second!.offsetLeft - first!.offsetLeft) });
}

function settle(row: HTMLElement): void {
  const { scrollWidth, clientWidth, children } = row;
  const hidden = scrollWidth - clientWidth;
  const at = Math.abs(row.scrollLeft);
  const turner = row.nextElementSibling as HTMLElement;
  const [back, position, forth] = turner.children;
  const stride = Math.abs((children[1] as HTMLElement).offsetLeft - (children[0] as HTMLElement).offsetLeft);
  const isEnd = at >= hidden - 2;
  turner.hidden = hidden <= 2;
  position!.textContent = `${isEnd ? children.length : Math.round(at / stride) + 1} / ${children.length}`;
  // Disabled buttons would lose the focus.
  back!.setAttribute("aria-disabled", String(at <= 2));
  forth!.setAttribute("aria-disabled", String(isEnd));
}
