import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';
import { Worker as Thread } from 'node:worker_threads';
import type { OrderView } from '../../src/order';
import type { SaleView } from '../../src/sale/sale-view';

/** One call that the script made, and its answer; `headers` are what the script set. */
export interface ShopCall {
  method: string;
  path: string;
  headers: Record<string, string>;
  status: number;
  retryAfterMs: number;
  sentMs: number;
}

interface Shop {
  session: { begin: (user: string, token: string) => void; end: () => void };
  sales: Map<string, SaleView>;
  buy: (sale: SaleView, quantity: number) => Promise<void>;
  fetchSaleTokens: () => Promise<void>;
  /** The ids of orders that had no row when the page last heard of them. */
  held: { ids: () => string[]; take: (order: OrderView) => void };
  readHeld: (orderId: string) => Promise<void>;
  readMoney: (order: OrderView) => Promise<void>;
  wordsAboutMoney: (order: OrderView) => string | undefined;
}

const parts = ['api', 'view', 'captcha', 'buying', 'afterwards'];

/** A thread that is to a script what a browser's worker is. */
const threadProgram = `
const { parentPort, workerData } = require('node:worker_threads');
globalThis.postMessage = (message) => parentPort.postMessage(message);
globalThis.onmessage = undefined;
const loaded = import(workerData);
parentPort.on('message', (data) => void loaded.then(() => globalThis.onmessage({ data })));`;

/**
 * The script of the demo shop against a running product, without a browser: elements are empty
 * objects, the worker is a thread that runs the files which the product serves.
 */
export class ShopScript {
  readonly calls: ShopCall[] = [];
  readonly said: string[] = [];
  readonly orders: OrderView[] = [];

  private constructor(
    private readonly url: string,
    private readonly workFolder: string,
  ) {}

  static async open(url: string): Promise<ShopScript & { shop: Shop }> {
    const workFolder = await mkdtemp(join(tmpdir(), 'fairdrop-shop-'));
    await writeFile(join(workFolder, 'package.json'), '{"type":"module"}');
    const script = new ShopScript(url, workFolder);
    await script.download('work.js', new Set());
    return Object.assign(script, { shop: await script.load() });
  }

  /** What was asked of this path, in sequence. */
  callsOf(path: string): ShopCall[] {
    return this.calls.filter((call) => call.path === path);
  }

  close(): Promise<void> {
    return rm(this.workFolder, { recursive: true });
  }

  /** A file of the worker with all that it imports. */
  private async download(file: string, known: Set<string>): Promise<void> {
    if (known.has(file)) return;
    known.add(file);
    const answer = await fetch(`${this.url}/demo/work/${file}`);
    if (!answer.ok) throw new Error(`The worker lacks ${file}: ${answer.status}`);
    const text = await answer.text();
    await writeFile(join(this.workFolder, file), text);
    for (const [, name = ''] of text.matchAll(/ from '\.\/([^']+)'/g)) {
      await this.download(name, known);
    }
  }

  private async load(): Promise<Shop> {
    const folder = join(__dirname, '../../src/demo/shop');
    const sources = await Promise.all(
      parts.map((part) => readFile(join(folder, `${part}.js`), 'utf8')));
    const globals = this.globals();
    const program = compileFunction(
      `${sources.join('\n')}\nreturn { session, sales, buy, fetchSaleTokens, held,
        readHeld, readMoney, wordsAboutMoney };`,
      Object.keys(globals)) as (...values: unknown[]) => Shop;
    return program(...Object.values(globals));
  }

  /** What the script takes from the browser and from the parts that only draw. */
  private globals(): Record<string, unknown> {
    const elements = new Map<string, object>();
    const elementOf = (id: string) => {
      const element = elements.get(id) ?? this.elementNamed(id);
      elements.set(id, element);
      return element;
    };
    const workUrl = pathToFileURL(join(this.workFolder, 'work.js')).href;
    return {
      document: { getElementById: elementOf, createElement: () => this.elementNamed('') },
      window: { Worker: true }, isSecureContext: true,
      Worker: function Worker() { return workerIn(workUrl); },
      sessionStorage: storage(), localStorage: storage(),
      fetch: (path: string, init: RequestInit) => this.fetch(path, init),
      whileBusy: (_: string, work: () => Promise<void>) => work(),
      takeOrder: (order: OrderView) => this.orders.push(order),
      showSales: () => undefined, showOrders: () => undefined, cardOf: () => undefined,
    };
  }

  private elementNamed(id: string): object {
    const { said } = this;
    return {
      dataset: {}, append: () => undefined, replaceChildren: () => undefined,
      scrollIntoView: () => undefined, contains: () => false, focus: () => undefined,
      set textContent(text: string) { if (id === 'message') said.push(text); },
    };
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    const sentMs = performance.now();
    const answer = await fetch(this.url + path, init);
    this.calls.push({ method: String(init.method), path, sentMs, status: answer.status,
      headers: init.headers as Record<string, string>,
      retryAfterMs: 1_000 * Number(answer.headers.get('retry-after')) });
    return answer;
  }
}

interface BrowserWorker {
  onmessage?: (event: { data: unknown }) => void;
  onerror?: (error: unknown) => void;
  postMessage: (message: unknown) => void;
  terminate: () => void;
}

function workerIn(workUrl: string): BrowserWorker {
  const thread = new Thread(threadProgram, { eval: true, workerData: workUrl });
  const worker: BrowserWorker = {
    postMessage: (message) => { thread.postMessage(message); },
    terminate: () => void thread.terminate(),
  };
  thread.on('message', (data: unknown) => worker.onmessage?.({ data }));
  thread.on('error', (error: unknown) => worker.onerror?.(error));
  return worker;
}

function storage(): object {
  const items = new Map<string, string>();
  return {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => { items.set(name, value); },
    removeItem: (name: string) => { items.delete(name); },
  };
}
