/** The flags of the programs in this folder: `--help` prints what a program says of itself; a wrong flag is told with it, and the exit code is 2. */
import { parseArgs } from 'node:util';

/** @param options as `parseArgs` takes them. */
export function readFlags(options, help) {
  const flags = parsed(options, help);
  if (!flags.help) return flags;
  console.log(help);
  return process.exit();
}

function parsed(options, help) {
  try {
    return parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h', default: false } } }).values;
  } catch (error) {
    return refuse(error.message, help);
  }
}

export function refuse(message, help) {
  console.error(`${message}\n\n${help}`);
  return process.exit(2);
}

/** The number that the flag has, where it is one from `min` to `max`. */
export function numberFlag(name, text, { min, max = Number.MAX_SAFE_INTEGER, isWhole = false }, help) {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max && (!isWhole || Number.isSafeInteger(value))) return value;
  const kind = isWhole ? 'a whole number' : 'a number';
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  return refuse(`--${name} takes ${kind} ${range}, not "${text}"`, help);
}
