export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export function button(text: string, action: () => Promise<unknown>, className = ''): HTMLButtonElement {
  const made = element('button', className, text);
  made.type = 'button';
  made.addEventListener('click', () => {
    made.disabled = true;
    action()
      .catch((error: unknown) => notify(String(error)))
      .finally(() => (made.disabled = false));
  });
  return made;
}

export function selectOf(formId: string, name: string): HTMLSelectElement {
  return byId(formId).querySelector(`select[name=${name}]`) as HTMLSelectElement;
}

/** Keeps what is chosen as long as it is there; else chooses `preferred`. */
export function fillSelect(
  select: HTMLSelectElement,
  options: { value: string; text: string }[],
  preferred?: string,
): void {
  const chosen = new Set([...select.selectedOptions].map(({ value }) => value));
  select.replaceChildren(...options.map(({ value, text }) => new Option(text, value)));
  const keep = options.some(({ value }) => chosen.has(value));
  for (const option of select.options) {
    if (keep ? chosen.has(option.value) : option.value === preferred) option.selected = true;
  }
}

export function replaceItems(listId: string, items: HTMLElement[], whenEmpty: string): void {
  byId(listId).replaceChildren(...(items.length > 0 ? items : [element('li', 'dim', whenEmpty)]));
}

let hiding: ReturnType<typeof setTimeout> | undefined;

/** Says something for five seconds. */
export function notify(text: string): void {
  const notice = byId('notice');
  notice.textContent = text.replace(/^Error: /, '');
  notice.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (notice.hidden = true), 5_000);
}
