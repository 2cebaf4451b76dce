import type { Socket } from "node:net";

/** A connection that was taken in. */
export interface Connection {
  readonly socket: Socket;
  /** What it is known by. */
  readonly name: string;
  isOpen: boolean;
  /** Complete requests on it whose answers have not begun to go out. */
  answering: number;
}

/**
 * The open connections of a port, so many at most. A new one takes the place of the one for which nothing has been done
 * for the longest: who holds connections and neither sends nor reads shuts nobody out, and nobody else loses an answer.
 */
export class Connections {
  readonly #max: number;
  readonly #onCutOff: () => void;
  readonly #open = new Map<string, Connection>();
  /** The same by their sockets, for which their names are not made. */
  readonly #bySocket = new WeakMap<Socket, Connection>();
  /** Those for which there is nothing to do but wait for their clients, the longest first. */
  readonly #waiting = new Set<Connection>();

  constructor(max: number, onCutOff: () => void) {
    this.#max = max;
    this.#onCutOff = onCutOff;
  }

  /** Takes a connection in, or closes it when all others are being answered. */
  add(socket: Socket): void {
    // Its client is gone already, and without an address it would be taken for any other like it.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const name = nameOf(socket);
    if (this.#open.size >= this.#max && !this.#cutOffOne()) {
      this.#onCutOff();
      socket.destroy();
      return;
    }
    const connection = { socket, name, isOpen: true, answering: 0 };
    this.#open.set(name, connection);
    this.#bySocket.set(socket, connection);
    this.#waiting.add(connection);
    socket.once("close", () => this.#forget(connection));
  }

  /** The connection that a socket belongs to. To be asked for while it is open: a socket forgets its addresses. */
  of(socket: Socket): Connection | undefined {
    const known = this.#bySocket.get(socket);
    return known?.isOpen ? known : this.#open.get(nameOf(socket));
  }

  /**
   * A complete request came in on a connection. To be told by the result whenever a part of the answer goes out, and when
   * the client is gone: from then on it is the client's turn, and a client that does not read is one that waits.
   */
  beginAnswer(connection: Connection): () => void {
    connection.answering++;
    this.#waiting.delete(connection);
    let isOurTurn = true;
    return () => {
      if (isOurTurn) connection.answering--;
      isOurTurn = false;
      if (connection.answering > 0 || !connection.isOpen) return;
      this.#waiting.delete(connection);
      this.#waiting.add(connection);
    };
  }

  #cutOffOne(): boolean {
    const [longest] = this.#waiting;
    if (!longest) return false;
    this.#forget(longest);
    this.#onCutOff();
    longest.socket.destroy();
    return true;
  }

  /** By then another connection may have the name. */
  #forget(connection: Connection): void {
    connection.isOpen = false;
    if (this.#open.get(connection.name) === connection) this.#open.delete(connection.name);
    this.#waiting.delete(connection);
  }
}

/** The addresses of both ends: with TLS there are two sockets for one connection, and both have them. */
function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
