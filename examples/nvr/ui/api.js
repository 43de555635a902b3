// What the recorder is asked. Errors come with a text for people.
async function json(path) {
  let response;
  try {
    response = await fetch(path, {headers: {accept: 'application/json'}});
  } catch {
    throw new Error('The recorder does not answer. Is it running? This page tries again by itself.');
  }
  if (response.ok) return response.json();
  const text = (await response.text()).trim();
  throw new Error(text || `The recorder refused (${response.status}).`);
}

export const top = () => json('/api/');
export const camera = uuid => json(`/api/cameras/${uuid}/`);

export function recordings(uuid, stream, from, to, splitMinutes) {
  const query = new URLSearchParams({split90k: String(splitMinutes * 60 * 90000)});
  if (from !== undefined) query.set('startTime90k', String(from));
  if (to !== undefined) query.set('endTime90k', String(to));
  return json(`/api/cameras/${uuid}/${stream}/recordings?${query}`);
}

export function movie(uuid, stream, recording) {
  const last = recording.endId === undefined ? '' : `-${recording.endId}`;
  // What grows is bounded to what it is now, so that a player that seeks finds the same file.
  const part = recording.growing ? `.0-${recording.endTime90k - recording.startTime90k}` : '';
  return `/api/cameras/${uuid}/${stream}/view.mp4?s=${recording.startId}${last}%40${recording.openId}${part}`;
}
