// Uses the recorder's page as a person would, in the system's Chromium, and prints what it saw as JSON:
// node page.js BROWSER URL CAMERA RECORDINGS BITS BLOCK RATE SEEKS [PICTURE]
//
// RECORDINGS tells how many rows to wait for; SEEKS are times in seconds, with commas in between; PICTURE is a file.
import {chromium} from 'playwright-core';

const [executablePath, url, camera, recordings, bits, block, rate, seeks, picture] = process.argv.slice(2);
const seconds = 1000, deadline = 20 * seconds;
const seen = {complaints: []};

const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage({viewport: {width: 1280, height: 900}});
  page.setDefaultTimeout(deadline);
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) seen.complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', error => seen.complaints.push(`exception: ${error}`));
  page.on('response', response => {
    if (response.status() >= 400) seen.complaints.push(`${response.status()}: ${response.url()}`);
  });
  page.on('requestfailed', request => {
    // A player drops the rest of a file when it seeks.
    if (request.resourceType() !== 'media') seen.complaints.push(`${request.failure().errorText}: ${request.url()}`);
  });
  await page.exposeFunction('complain', text => { seen.complaints.push(text); });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', event => {
      window.complain(`security policy: ${event.violatedDirective}: ${event.blockedURI}`);
    });
  });

  await page.goto(url);
  seen.title = await page.title();
  const card = page.getByRole('navigation', {name: 'Cameras'}).getByRole('button', {name: camera});
  await card.click();
  seen.chosen = await card.getAttribute('aria-current');
  seen.card = await card.innerText();
  await page.getByLabel('Pieces of').selectOption({label: '1 hour'});
  const rows = page.locator('#recordings > li');
  await rows.nth(Number(recordings) - 1).waitFor();
  seen.rows = await rows.allInnerTexts();

  // The oldest one, which has ended.
  await rows.last().getByRole('button').click();
  const video = page.locator('video');
  await video.waitFor({state: 'visible'});
  await page.waitForFunction(() => document.querySelector('video').currentTime > 0.3);
  if (picture) await page.screenshot({path: picture});
  seen.source = await video.getAttribute('src');

  // The frame's number is in the blocks at its top, the least significant bit first.
  await page.evaluate(([bits, block]) => {
    window.shownFrame = () => {
      const video = document.querySelector('video');
      const canvas = document.createElement('canvas');
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      const context = canvas.getContext('2d', {willReadFrequently: true});
      context.drawImage(video, 0, 0);
      let number = 0;
      for (let bit = 0; bit < bits; ++bit) {
        const [red] = context.getImageData(bit * block + block / 2, block / 2, 1, 1).data;
        if (red > 64 && red < 192) throw new Error(`bit ${bit} is neither black nor white: ${red}`);
        if (red >= 192) number |= 1 << bit;
      }
      return number;
    };
    window.frameAt = (time, deadline) => new Promise((resolve, reject) => {
      const video = document.querySelector('video');
      setTimeout(() => reject(new Error(`no frame at ${time} s`)), deadline);
      video.addEventListener('seeked', () => {
        // Drawn before it is shown, it might still be the one before.
        requestAnimationFrame(() => requestAnimationFrame(() => {
          try {
            resolve(window.shownFrame());
          } catch (error) {
            reject(error);
          }
        }));
      }, {once: true});
      video.currentTime = time;
    });
  }, [Number(bits), Number(block)]);

  // While it plays: frames as they come, with the time that each has in the file.
  seen.played = await page.evaluate(deadline => new Promise((resolve, reject) => {
    const video = document.querySelector('video'), played = [];
    setTimeout(() => reject(new Error(`only ${played.length} frames came`)), deadline);
    video.playbackRate = 0.25;  // a callback that comes late would see the next frame
    const next = (now, {mediaTime}) => {
      try {
        played.push({time: mediaTime, frame: window.shownFrame()});
      } catch (error) {
        return reject(error);
      }
      if (played.length < 10) video.requestVideoFrameCallback(next);
      else resolve(played);
    };
    video.requestVideoFrameCallback(next);
  }), deadline);

  await page.evaluate(() => document.querySelector('video').pause());
  seen.duration = await page.evaluate(() => document.querySelector('video').duration);
  seen.size = await page.evaluate(() => [document.querySelector('video').videoWidth, document.querySelector('video').videoHeight]);
  seen.sought = [];
  for (const time of seeks.split(',').map(Number)) {
    const frame = await page.evaluate(([time, deadline]) => window.frameAt(time, deadline), [time, deadline]);
    seen.sought.push({time, frame});
  }

  // The newest grows. It plays, and can be sought in, while it does.
  await rows.first().getByRole('button').click();
  await page.waitForFunction(before => {
    const video = document.querySelector('video');
    return video.getAttribute('src') !== before && video.currentTime > 0.3;
  }, seen.source);
  seen.growing = await page.evaluate(async ([rate, deadline]) => {
    const video = document.querySelector('video'), shown = [];
    video.pause();
    for (const part of [0.9, 0.1, 0.5]) {
      const time = (Math.floor(video.duration * part * rate) + 0.5) / rate;
      shown.push({time, frame: await window.frameAt(time, deadline)});
    }
    return shown;
  }, [Number(rate), deadline]);
  seen.trouble = await page.locator('[role=alert]:visible').allInnerTexts();
  if (picture) await page.screenshot({path: picture.replace(/\.png$/, '-sought.png'), fullPage: true});
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen, null, 1));
