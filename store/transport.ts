/**
 * HTTP for the S3 client, with two habits it lacks: a server that says nothing for too long is given up, and answers that ask
 * for another try arrive as errors instead of half-read responses that hold on to their socket.
 */
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';

type Callback = (response: IncomingMessage) => void;

/** The server gave no usable answer; another try may get one. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/** Request timeout, too many requests, client closed request; of the 5xx all but "not implemented" and "HTTP version". */
const asksForAnotherTry = (status = 0) => [408, 429, 499].includes(status) || (status >= 500 && status !== 501 && status !== 505);

/**
 * The `request` of node:http or node:https, as `transport` of a minio client.
 * @param silence milliseconds without a byte in either direction after which a request fails
 */
export function transport(protocol: 'http:' | 'https:', silence: number): Pick<typeof http, 'request'> {
  const { request } = protocol === 'https:' ? https : http;
  const send = (options: RequestOptions | string | URL, then?: RequestOptions | Callback): ClientRequest => {
    if (typeof then === 'object') throw new TypeError('Cannot send a request as options must come first: got a URL');
    let answer: IncomingMessage | undefined;
    const sent = request(options, (response) => {
      answer = response;
      if (asksForAnotherTry(response.statusCode)) void refusal(response).then((error) => sent.emit('error', error));
      else then?.(response);
    });
    return sent.setTimeout(silence, () => {
      // Bytes waiting in our own buffer mean that the reader is slow, not the server.
      if (answer !== undefined && answer.readableLength > 0) return;
      (answer ?? sent).destroy(new Unanswered(`no byte for ${silence / 1000} s`));
    });
  };
  return { request: send };
}

/** Read such an answer to its end, which frees the socket, and say what it says. */
async function refusal(response: IncomingMessage): Promise<Unanswered> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk);
  } catch {
    // The status alone will do.
  }
  const code = /<Code>([^<]{1,80})<\/Code>/.exec(Buffer.concat(chunks).toString())?.[1];
  return new Unanswered(`HTTP ${response.statusCode}${code ? ` ${code}` : ''}`);
}
