export function times(count: number): string {
  return count === 1 ? 'once' : `${String(count)} times`;
}

/** With the date where it is not today's. */
export function clock(at: Date, now: Date): string {
  const [day = '', time = ''] = at.toISOString().split('T');
  const isToday = now.toISOString().startsWith(day);
  return `${isToday ? '' : `${day} `}${time.slice(0, 5)} UTC`;
}
