// control - questions and answers over the socket of a daemon.
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { ask, isListening, serveControl } from '../../src/mount/control.js'
import { shortDir } from './short-dir.js'

t.test('an answer comes back, a failure with its code', async (t) => {
  const path = join(shortDir(t), 's')
  const server = await serveControl(path, (request) => {
    if (request.op === 'status') return Promise.resolve({ ok: true })
    return Promise.reject(Object.assign(new Error('in use'), { code: 'EBUSY' }))
  })
  t.strictSame(await ask(path, { op: 'status' }, 1000), { ok: true })
  t.strictSame(await ask(path, { op: 'unmount', lazy: false }, 1000), { ok: false, code: 'EBUSY', message: 'in use' })
  t.ok(await isListening(path))
  await server.close()
  t.notOk(await isListening(path))
})

t.test('nobody there, silence and nonsense are UNREACHABLE', async (t) => {
  const dir = shortDir(t)
  await t.rejects(ask(join(dir, 'none'), { op: 'status' }, 1000), { code: 'UNREACHABLE', errno: 'ENOENT' })
  const silent = createServer(() => undefined).listen(join(dir, 'silent'))
  await t.rejects(ask(join(dir, 'silent'), { op: 'status' }, 50), { code: 'UNREACHABLE' })
  silent.close()
  const nonsense = createServer((socket) => socket.end('what?\n')).listen(join(dir, 'nonsense'))
  await t.rejects(ask(join(dir, 'nonsense'), { op: 'status' }, 1000), { code: 'UNREACHABLE' })
  nonsense.close()
})

t.test('askers that say nothing do not keep the server from closing', async (t) => {
  const path = join(shortDir(t), 's')
  const server = await serveControl(path, () => Promise.resolve({ ok: true }))
  for (let i = 0; i < 10; i++) t.ok(await isListening(path))
  const idle = createConnection(path)
  idle.on('error', () => undefined)
  await new Promise((resolve) => idle.on('connect', resolve))
  await server.close()
  idle.destroy()
})

t.test('a nonsense question is answered and harms nobody', async (t) => {
  const path = join(shortDir(t), 's')
  const server = await serveControl(path, () => Promise.resolve({ ok: true }))
  const answer = await new Promise<string>((resolve) => {
    const socket = createConnection(path)
    socket.on('data', (chunk) => {
      resolve(chunk.toString())
    })
    socket.write('{"op":"explode"}\n')
  })
  t.match(JSON.parse(answer), { ok: false, message: 'unknown request' })
  t.strictSame(await ask(path, { op: 'status' }, 1000), { ok: true })
  await server.close()
})
