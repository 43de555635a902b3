// The page: cameras on the left, the chosen one's recordings by day.
import * as api from './api.js';
import * as format from './format.js';
import * as player from './player.js';

const byId = id => document.getElementById(id);
const cameraList = byId('cameras'), list = byId('recordings'), daySelect = byId('day'), splitSelect = byId('split');

const state = {camera: undefined, stream: 'main', day: undefined, days: {}, picked: undefined, shown: ''};

// All text goes in as text: names come from outside.
function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function complain(error) {
  byId('trouble').textContent = error ? error.message : '';
  byId('trouble').hidden = !error;
}

function badge(status) {
  if (!status) return element('span', 'badge', 'off');
  const milliseconds = status.lastFrameAgeMs;
  const isLive = status.state === 'recording' && milliseconds < 5000;
  const quality = isLive ? 'good' : milliseconds !== undefined && milliseconds < 30000 ? 'warn' : 'bad';
  const text = milliseconds === undefined ? status.state : isLive ? `live · ${format.age(milliseconds)}` : `${format.age(milliseconds)} ago`;
  const made = element('span', `badge ${quality}`, text);
  made.title = milliseconds === undefined ? 'No frame yet' : `The last frame came ${format.age(milliseconds)} ago`;
  return made;
}

function cameraCard(camera) {
  const stream = camera.streams[state.stream] || Object.values(camera.streams)[0];
  const card = element('button', 'camera');
  card.type = 'button';
  card.dataset.uuid = camera.uuid;
  card.setAttribute('aria-current', String(camera.uuid === state.camera?.uuid));
  const name = element('span', 'name', camera.shortName);
  card.append(name);
  if (!stream) return card;
  name.append(badge(stream.status));
  const used = stream.retainBytes ? Math.min(100, 100 * stream.fsBytes / stream.retainBytes) : 0;
  card.append(element('span', 'more', `${format.length(stream.totalDuration90k)} recorded, ${format.size(stream.fsBytes)} of ${format.size(stream.retainBytes)}`));
  const meter = element('div', 'meter'), bar = element('div');
  bar.style.width = `${used}%`;
  meter.append(bar);
  card.append(meter);
  if (stream.status?.problem) card.append(element('span', 'problem', stream.status.problem));
  return card;
}

async function refreshCameras() {
  const top = await api.top();
  format.useTimeZone(top.timeZoneName);
  byId('health').textContent = `${format.clock(top.serverTime90k)} · ${top.timeZoneName}`;
  if (!state.camera && top.cameras.length) {
    const named = top.cameras.find(camera => camera.shortName === wanted?.camera);
    if (!named) wanted = undefined;
    choose(named || top.cameras[0]);
    state.day = wanted?.day;
  }
  const focused = [...cameraList.children].findIndex(item => item.contains(document.activeElement));
  cameraList.replaceChildren(...top.cameras.map(camera => {
    const item = element('li');
    const card = cameraCard(camera);
    card.addEventListener('click', () => choose(camera));
    item.append(card);
    return item;
  }));
  if (focused >= 0) cameraList.children[focused]?.firstChild.focus();
  if (!top.cameras.length) showEmpty('No cameras yet. Start the recorder with --camera NAME=URL to add one.');
}

// The address says what is shown: #CAMERA@DAYTTIME
const place = {
  read() {
    const found = /^#(.+)@(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)$/.exec(location.hash);
    if (!found) return undefined;
    try {
      return {camera: decodeURIComponent(found[1]), day: found[2], clock: found[3]};
    } catch {
      return undefined;
    }
  },
  write(camera, ticks) {
    history.replaceState(null, '', `#${encodeURIComponent(camera.shortName)}@${format.day(ticks)}T${format.clock(ticks)}`);
  },
};
let wanted = place.read();

function choose(camera) {
  state.camera = camera;
  state.stream = camera.streams.main ? 'main' : Object.keys(camera.streams)[0];
  state.day = undefined;
  state.shown = '';
  for (const card of cameraList.querySelectorAll('.camera')) card.setAttribute('aria-current', String(card.dataset.uuid === camera.uuid));
  refreshList().then(() => complain(), complain);
}

function showEmpty(text) {
  state.shown = '';
  list.replaceChildren();
  byId('empty').textContent = text;
  byId('empty').hidden = false;
}

function fillDays() {
  const names = Object.keys(state.days).sort().reverse();
  const chosen = state.days[state.day] && state.day !== names[0] ? state.day : '';
  const options = names.map((name, i) => {
    const option = element('option', '', `${name} · ${format.length(state.days[name].totalDuration90k)}`);
    option.value = i === 0 ? '' : name;  // the newest stays the newest when midnight passes
    return option;
  });
  if (document.activeElement !== daySelect) daySelect.replaceChildren(...options);
  daySelect.value = chosen;
  return names[0];
}

async function refreshList() {
  const {camera, stream} = state;
  if (!camera) return;
  const details = await api.camera(camera.uuid);
  if (camera !== state.camera) return;
  state.days = details.streams[stream]?.days || {};
  const newest = fillDays();
  const day = state.days[state.day] || state.days[newest];
  if (!day) return showEmpty('Nothing is recorded yet. The first recording shows up here a few seconds after the camera connects.');
  const found = await api.recordings(camera.uuid, stream, day.startTime90k, day.endTime90k, splitSelect.value);
  if (camera !== state.camera) return;
  const shown = JSON.stringify([found, state.picked]);
  if (shown === state.shown) return;
  state.shown = shown;
  byId('empty').hidden = true;
  const scroll = document.activeElement?.dataset?.start;
  list.replaceChildren(...found.recordings.map(r => row(camera, stream, r, found.videoSampleEntries[r.videoSampleEntryId])));
  showWanted(found.recordings);
  if (scroll) list.querySelector(`[data-start="${CSS.escape(scroll)}"]`)?.focus();
}

function showWanted(recordings) {
  if (!wanted) return;
  const moment = `${wanted.day} ${wanted.clock}`;
  wanted = undefined;
  const text = ticks => `${format.day(ticks)} ${format.clock(ticks)}`;
  const found = recordings.findIndex(r => text(r.startTime90k) <= moment && moment <= text(r.endTime90k));
  if (found >= 0) list.children[found].querySelector('.play').click();
}

function row(camera, stream, recording, entry) {
  const url = api.movie(camera.uuid, stream, recording);
  const key = `${camera.uuid}/${stream}/${recording.startId}`;
  const item = element('li'), line = element('div', 'row'), button = element('button', 'play');
  if (state.picked === key) line.classList.add('picked');
  button.type = 'button';
  button.dataset.start = key;
  const end = recording.growing ? 'now' : format.clock(recording.endTime90k);
  button.append(element('span', 'when', `${format.clock(recording.startTime90k)} – ${end}`),
                element('span', '', format.length(recording.endTime90k - recording.startTime90k)),
                element('span', 'quiet', format.size(recording.sampleFileBytes)),
                element('span', 'quiet', entry ? `${entry.width} × ${entry.height}` : ''));
  if (recording.endReason && recording.endReason !== 'stopped')
    button.append(element('span', 'why', `Ended: ${recording.endReason}`));
  button.addEventListener('click', () => {
    state.picked = key;
    for (const other of list.querySelectorAll('.picked')) other.classList.remove('picked');
    line.classList.add('picked');
    place.write(camera, recording.startTime90k);
    player.play({name: camera.shortName, url, recording, entry});
  });
  const get = element('a', 'get', 'Download');
  get.href = url;
  get.download = player.fileName(camera.shortName, recording);
  line.append(button, get);
  item.append(line);
  return item;
}

daySelect.addEventListener('change', () => {
  state.day = daySelect.value || undefined;
  refreshList().then(() => complain(), complain);
});
splitSelect.addEventListener('change', () => refreshList().then(() => complain(), complain));

let rounds = 0;
async function refresh() {
  try {
    if (!document.hidden) {
      await refreshCameras();
      if (rounds++ % 3 === 0) await refreshList();
      complain();
    }
  } catch (error) {
    complain(error);
  }
  setTimeout(refresh, 2000);
}
refresh();
