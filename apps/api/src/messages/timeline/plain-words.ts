export function times(count: number): string {
  return count === 1 ? 'once' : `${String(count)} times`;
}

/** With the date where it is not today's. */
export function clock(at: Date, now: Date): string {
  const [day = '', time = ''] = at.toISOString().split('T');
  const isToday = now.toISOString().startsWith(day);
  return `${isToday ? '' : `${day} `}${time.slice(0, 5)} UTC`;
}

/** The same, with seconds. */
export function clockToSeconds(at: Date, now: Date): string {
  return clock(at, now).replace(/ UTC$/, `${at.toISOString().slice(16, 19)} UTC`);
}

/** With the date and seconds: for what is kept. */
export function dated(at: Date): string {
  return at
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}
