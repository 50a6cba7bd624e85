/** Figures and texts as tables show them to people. */

/** A time that has passed, in one unit. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** A count, with a comma between thousands. */
export function amount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 child`, `2 children`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : many}`;
}

/** `text` in at most so many characters, and without what would move the cursor. */
export function fit(text: string, width: number): string {
  const plain = text.replace(/\p{Cc}/gu, ' ');
  return plain.length > width ? `${plain.slice(0, Math.max(0, width - 1))}…` : plain;
}

/** The last two numbers of a pid, thread and serial, which name a process within its node. */
export function shortPid(pid: string): string {
  return pid.slice(pid.indexOf('.', pid.lastIndexOf('#')) + 1);
}
