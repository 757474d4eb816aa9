// The owner's hours, in minutes of the day: whether it is within them, and how long they still last.

import type { Limits } from './limits.ts';

const minutesPerDay = 24 * 60;
const minuteMs = 60_000;

export function isInHours(hours: Limits['hours'], minute: number): boolean {
  if (hours.length === 0) return true;
  return hours.some(([from, to]) => {
    const start = minutes(from);
    const end = minutes(to);
    return start <= end ? minute >= start && minute < end : minute >= start || minute < end;
  });
}

/** The minute of the day at which the hours end, seen from this one; null: they never do. */
export function hoursEnd(hours: Limits['hours'], minute: number): number | null {
  // Hours may follow one another or overlap: the first minute that is in none of them is the end.
  for (let ahead = 0; ahead < minutesPerDay; ahead += 1) {
    const next = (minute + ahead) % minutesPerDay;
    if (!isInHours(hours, next)) return next;
  }
  return null;
}

/** Until the hours end, from this moment of the day; 0 outside them, null when they never end. */
export function hoursLeftMs(hours: Limits['hours'], msOfDay: number): number | null {
  const minute = Math.floor(msOfDay / minuteMs);
  const end = hoursEnd(hours, minute);
  if (end === null || end === minute) return end === null ? null : 0;
  const endMs = minuteMs * (end > minute ? end : end + minutesPerDay);
  return endMs - msOfDay;
}

function minutes(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return 60 * hour + minute;
}
