// control - how the daemon of a mount is asked: one line of JSON each way over its unix socket.
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { errnoOf, messageOf, reasonOf, UnionfsError } from '../errors.js'
import type { Snapshot } from '../metrics/snapshot.js'

export type ControlRequest = { readonly op: 'status' } | { readonly op: 'unmount'; readonly lazy: boolean }
export type ControlReply =
  | { readonly ok: true; readonly snapshot?: Snapshot }
  | { readonly ok: false; readonly code: string; readonly message: string }

const longestRequest = 64 * 1024
const lastWordsMilliseconds = 200

export interface ControlServer {
  close(): Promise<void>
}

// `answer` may reject; the asker then gets the reason.
export async function serveControl(path: string, answer: (request: ControlRequest) => Promise<ControlReply>): Promise<ControlServer> {
  const connections = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => socket.destroy()) // an asker that went away
    void answerOne(socket, answer)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path }, resolve)
  })
  return {
    close: () =>
      new Promise((resolve) => {
        // Replies that are written get a moment to be read; nobody may hold the daemon back. The timer also keeps the
        // event loop alive: a connection that neither reads nor writes does not.
        const timer = setTimeout(() => {
          for (const socket of connections) socket.destroy()
        }, lastWordsMilliseconds)
        server.close(() => {
          clearTimeout(timer)
          resolve()
        })
      }),
  }
}

async function answerOne(socket: Socket, answer: (request: ControlRequest) => Promise<ControlReply>): Promise<void> {
  let reply: ControlReply
  try {
    reply = await answer(parseRequest(await readLine(socket)))
  } catch (error) {
    reply = { ok: false, code: errnoOf(error) ?? 'EIO', message: messageOf(error) }
  }
  socket.end(`${JSON.stringify(reply)}\n`)
}

// UNREACHABLE when nobody answers in time.
export async function ask(path: string, request: ControlRequest, timeoutMilliseconds: number): Promise<ControlReply> {
  const socket = createConnection({ path })
  const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), timeoutMilliseconds)
  try {
    socket.write(`${JSON.stringify(request)}\n`)
    return parseReply(await readLine(socket))
  } catch (error) {
    throw new UnionfsError('UNREACHABLE', `the daemon does not answer: ${reasonOf(error)}`, { errno: errnoOf(error), path, cause: error })
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

// False when the process that made the socket is gone.
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', (error) => {
      resolve(errnoOf(error) === 'EAGAIN') // its queue is full, so it is there
    })
  })
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const newline = text.indexOf('\n')
      if (newline >= 0) resolve(text.slice(0, newline))
      else if (text.length > longestRequest * 16) reject(new Error('the line is too long'))
    })
    socket.on('error', reject)
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        reject(new Error('the connection ended early'))
      })
    }
  })
}

function parseRequest(line: string): ControlRequest {
  if (line.length > longestRequest) throw new Error('the request is too long')
  const value = JSON.parse(line) as { op?: unknown; lazy?: unknown } | null
  if (value?.op === 'status') return { op: 'status' }
  if (value?.op === 'unmount') return { op: 'unmount', lazy: value.lazy === true }
  throw new Error('unknown request')
}

function parseReply(line: string): ControlReply {
  const value = JSON.parse(line) as ControlReply
  if (typeof value !== 'object' || typeof value.ok !== 'boolean') throw new Error('the answer is no answer')
  return value
}
