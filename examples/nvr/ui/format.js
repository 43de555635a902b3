// Times, lengths and sizes as people read them.
const ticksPerSecond = 90000;

let zone;

export function useTimeZone(name) {
  try {
    new Intl.DateTimeFormat('en-GB', {timeZone: name});
    zone = name;
  } catch {
    zone = undefined;  // the browser does not know it: its own
  }
}

function parts(ticks) {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', second: '2-digit',
  });
  const found = {};
  for (const {type, value} of format.formatToParts(new Date(ticks / ticksPerSecond * 1000))) found[type] = value;
  return found;
}

export function day(ticks) {
  const p = parts(ticks);
  return `${p.year}-${p.month}-${p.day}`;
}

export function clock(ticks) {
  const p = parts(ticks);
  return `${p.hour}:${p.minute}:${p.second}`;
}

export function length(ticks) {
  const seconds = Math.round(ticks / ticksPerSecond);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const rest = minutes % 60;
  return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${Math.floor(minutes / 60)} h`;
}

export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes, unit = 0;
  for (; value >= 1024 && unit + 1 < units.length; ++unit) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function age(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
