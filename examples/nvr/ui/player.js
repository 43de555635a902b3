// The stage: one recording in a <video>, or why it can't be played.
import * as format from './format.js';

const stage = document.getElementById('stage');
const video = document.getElementById('video');
const playing = document.getElementById('playing');
const facts = document.getElementById('facts');
const download = document.getElementById('download');
const trouble = document.getElementById('playback-trouble');

let current;

function complain(text) {
  trouble.textContent = text;
  trouble.hidden = false;
}

video.addEventListener('error', () => {
  if (!current) return;
  // Once again: a recording may have been completed in between, and is another file then.
  if (!current.isRetried && video.currentTime > 0) {
    const at = video.currentTime;
    current.isRetried = true;
    video.src = current.url;
    video.currentTime = at;
    video.play().catch(() => {});
    return;
  }
  const isH265 = current.entry && current.entry.codec.startsWith('hvc1');
  if (isH265 && video.canPlayType(`video/mp4; codecs="${current.entry.codec}"`) === '')
    complain('This recording is H.265 video, which this browser does not play. Download it and play it with another program, or use a browser that has H.265.');
  else
    complain('This recording can’t be played. It may have been deleted; the list below shows what is there. If it still stands there, download it and try another player.');
});

export function play({name, url, recording, entry}) {
  current = {entry, url, isRetried: false};
  trouble.hidden = true;
  stage.hidden = false;
  const when = `${format.day(recording.startTime90k)} ${format.clock(recording.startTime90k)}`;
  playing.textContent = `${name} · ${when}`;
  const resolution = entry ? `${entry.width} × ${entry.height}, ` : '';
  facts.textContent = `${resolution}${format.length(recording.endTime90k - recording.startTime90k)}, ${format.size(recording.sampleFileBytes)}`;
  download.href = url;
  download.download = fileName(name, recording);
  video.src = url;
  video.play().catch(() => {});  // the browser may want a click first
  stage.scrollIntoView({behavior: 'smooth', block: 'nearest'});
}

export function fileName(name, recording) {
  const safe = name.replace(/[^\p{L}\p{N}_-]+/gu, '_');
  return `${safe}_${format.day(recording.startTime90k)}_${format.clock(recording.startTime90k).replaceAll(':', '-')}.mp4`;
}
