// sandbox - runs a test program as a child in a mount and pid namespace of its own.
//
// When the child's first process dies, the kernel kills everything in its pid namespace (daemons included) and drops
// every mount: a wedged or crashed subject can't outlive its run. The shell is there to be that first process,
// because somebody has to reap orphans.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export interface Sandbox {
  // One JSON value per line the child wrote to its descriptor 3.
  events: AsyncIterable<unknown>
  // What it wrote to stdout and stderr so far.
  output(): string
  kill(): void
  ended: Promise<void>
}

const BACKING = process.env['UNIONFS_TEST_BACKING'] ?? 'tmpfs'

// The scratch filesystem, mounted inside the namespace only: tmpfs, or an image of a disk filesystem on top of it.
function prepare(at: string): string {
  const tmpfs = `mount -t tmpfs -o strictatime,mode=755 tmpfs ${at}`
  if (BACKING === 'tmpfs') return tmpfs
  const image = `${at}/image`
  return `${tmpfs} && truncate -s 2G ${image} && mkfs.${BACKING} -q ${image} && mkdir ${at}/fs && mount -o loop,strictatime ${image} ${at}/fs`
}

const KEPT_LINES = 400

export function sandbox(program: string, args: string[]): Sandbox {
  const at = mkdtempSync('/dev/shm/unionfs-test-')
  const base = BACKING === 'tmpfs' ? at : join(at, 'fs')
  const script = `${prepare(at)} && cd ${base} && "$@"; exit $?`
  const child = spawn(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, '--expose-gc', program, base, ...args],
    { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } },
  )
  const lines: string[] = []
  const keep = (chunk: Buffer): void => {
    lines.push(chunk.toString())
    if (lines.length > KEPT_LINES) lines.shift()
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  process.once('exit', kill)
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      process.off('exit', kill)
      rmSync(at, { recursive: true, force: true })
      resolve()
    })
  })
  return { events: events(child.stdio[3] as Readable), output: () => lines.join(''), kill, ended }
}

async function* events(stream: Readable): AsyncIterable<unknown> {
  for await (const line of createInterface({ input: stream })) yield JSON.parse(line) as unknown
}
