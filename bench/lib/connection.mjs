// One HTTP/1.1 connection that asks one thing at a time, with as little work as can be: on a small
// machine every microsecond of the load generator is taken away from what it measures.
import { once } from 'node:events';
import { connect } from 'node:net';

const headEnd = Buffer.from('\r\n\r\n');
const lengthHeader = /\r\ncontent-length: (\d+)/i;

export class Connection {
  #socket;
  #received = Buffer.alloc(0);
  #waiting;
  #broken;

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => { this.#take(chunk); });
    socket.on('error', (error) => { this.#fail(error); });
    socket.on('close', () => { this.#fail(new Error('closed before the answer')); });
  }

  static async open(port) {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Sends a whole request; resolves to {status, length, body}: `length` is bytes in all. */
  ask(text) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#broken) this.#fail(this.#broken);
      else if (this.#socket.destroyed) this.#fail(new Error('closed before the request'));
      else this.#socket.write(text, 'latin1');
    });
  }

  close() {
    this.#socket.destroy();
  }

  #take(chunk) {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headLength = this.#received.indexOf(headEnd);
    if (headLength < 0) return;
    const head = this.#received.latin1Slice(0, headLength);
    const status = Number(head.slice(9, 12));
    const [, bodyLength] = lengthHeader.exec(head) ?? [];
    if (bodyLength === undefined && status !== 304 && status !== 204) {
      return this.#fail(new Error(`an answer of no given length: ${head}`));
    }
    const bodyStart = headLength + headEnd.length;
    const length = bodyStart + Number(bodyLength ?? 0);
    if (this.#received.length < length) return;
    const body = this.#received.subarray(bodyStart, length);
    const rest = this.#received.length > length ? this.#received.subarray(length) : undefined;
    this.#received = Buffer.alloc(0);
    if (!this.#waiting) {
      this.#broken = new Error(`an answer before the request: ${status} ${body}`);
      return;
    }
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve({ status, length, body });
    if (rest) this.#take(rest);
  }

  #fail(error) {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
