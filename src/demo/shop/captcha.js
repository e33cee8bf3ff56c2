/* The captcha: work that the device does by itself, or a picture for a person to read. */

/** Browsers derive keys only for pages that came over TLS or from the device itself. */
const canWork = isSecureContext && 'Worker' in window;

const captchaWords = {
  pow: 'A short check first: your device works for a moment. You need not do anything.',
  image: 'Type the characters that you see in the picture.',
};

let captchaTurn = Promise.resolve();

/** Resolves to a captcha token. There is one panel, so one captcha at a time. */
function solveCaptcha(sale) {
  const token = captchaTurn.then(() => solveInPanel(sale));
  captchaTurn = token.catch(() => undefined);
  return token;
}

async function solveInPanel(sale) {
  const panel = part('captcha');
  part('captcha-for').textContent = sale.product.name;
  panel.hidden = false;
  panel.scrollIntoView({ block: 'nearest' });
  try {
    let kind = canWork ? 'pow' : 'image';
    let words = captchaWords[kind];
    for (;;) {
      say(words);
      const { token, next, why } = await solveOnce(kind, sale.id);
      if (token) return token;
      if (next === 'stop') throw new Refusal('CAPTCHA_STOPPED');
      kind = next;
      words = why ?? captchaWords[kind];
    }
  } finally {
    const hadFocus = panel.contains(document.activeElement);
    panel.hidden = true;
    if (hadFocus) cardOf(sale.id)?.querySelector('button').focus();
  }
}

/** Poses one challenge. Resolves to its `token`, or to what comes `next`, a kind or 'stop'. */
async function solveOnce(kind, saleId) {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, session.left.signal]);
  try {
    return await (kind === 'pow' ? byWork : byPicture)(saleId, signal);
  } catch (refusal) {
    if (refusal.code !== 'CAPTCHA_FAILED' && refusal.code !== 'WORK_IMPOSSIBLE') throw refusal;
    return { next: 'image', why: refusal.message };
  } finally {
    over.abort();
  }
}

async function byWork(saleId, signal) {
  showCaptcha('captcha-work');
  return Promise.race([pressed(signal).then((next) => ({ next })), workFor(saleId, signal)]);
}

async function workFor(saleId, signal) {
  const { id, challenge } = await pose(saleId, 'pow', signal);
  const solution = await solve(challenge, signal);
  return answerCaptcha(id, btoa(JSON.stringify({ challenge, solution })), signal);
}

/** The number that solves the challenge, found by a worker, so that the page stays alive. */
function solve(challenge, signal) {
  const worker = new Worker('/demo/work/work.js', { type: 'module' });
  signal.addEventListener('abort', () => worker.terminate());
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Refusal('WORK_IMPOSSIBLE'));
    worker.onerror = fail;
    worker.onmessage = ({ data: { tries, solution } }) => {
      if (tries) part('tries').textContent = `${tries} numbers tried`;
      else if (solution) resolve(solution);
      else fail();
    };
    worker.postMessage(challenge);
  });
}

async function byPicture(saleId, signal) {
  showCaptcha('captcha-picture');
  const press = pressed(signal);
  const posed = await Promise.race([press, pose(saleId, 'image', signal)]);
  if (typeof posed === 'string') return { next: posed };
  part('picture').src = posed.image;
  part('picture').hidden = false;
  part('send').disabled = false;
  part('characters').focus();
  const next = await press;
  return next === 'answer' ? answerCaptcha(posed.id, part('characters').value, signal) : { next };
}

/** Shows one of the two sides of the panel, empty; the focus stays in the panel if it was there. */
function showCaptcha(side) {
  if (part('captcha').contains(document.activeElement)) part('captcha').focus();
  for (const name of ['captcha-work', 'captcha-picture']) part(name).hidden = name !== side;
  part('tries').textContent = '';
  part('characters').value = '';
  part('picture').hidden = true;
  part('send').disabled = true;
  part('work-instead').hidden = !canWork;
}

/** Resolves to the value of the next button of the panel that is pressed. */
function pressed(signal) {
  return new Promise((resolve, reject) => {
    part('captcha').onsubmit = (event) => {
      event.preventDefault();
      resolve(event.submitter.value);
    };
    signal.addEventListener('abort', () => reject(new Refusal('LEFT')));
  });
}

function pose(saleId, kind, signal) {
  return callUntilDecided('POST', '/v1/captcha/challenges', { body: { saleId, kind }, signal });
}

async function answerCaptcha(id, answer, signal) {
  const { captchaToken } = await callUntilDecided('POST', `/v1/captcha/challenges/${id}/answer`,
    { body: { answer }, signal });
  return { token: captchaToken };
}
