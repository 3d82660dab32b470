// rootfs.test - a Debian root file system lives on the union: the short form of scripts/scenario/rootfs.sh. Kernel overlayfs
// runs first: what it does not pass would say nothing about us.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, statfsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const kScript = join(import.meta.dirname, '..', '..', '..', 'scripts', 'scenario', 'rootfs.sh')
/** The first run makes the Debian root with debootstrap, which takes about a minute. */
const kLimitSeconds = 400
const kNeededBytes = 3 * 1024 ** 3

const skip = process.getuid?.() === 0 ? false : 'only root can mount overlayfs, make device nodes and chroot'

for (const words of [['overlay'], ['unionfs', '--io', 'cached'], ['unionfs', '--io', 'passthrough']]) {
  void t.test(
    `a Debian root on ${words.join(' ')} runs dpkg, gcc, git and SQLite, and is the same tree to kernel overlayfs afterwards`,
    { skip, timeout: (kLimitSeconds + 60) * 1000 },
    async (t) => {
      const { status, output } = await runScenario(words)
      t.equal(status, 0, status === 0 ? 'every step passes' : output)
      t.match(output, /short form/, 'the table of steps is printed')
    },
  )
}

async function runScenario(words: readonly string[]): Promise<{ status: number | null; output: string }> {
  const limits = ['--short', '--limit', String(kLimitSeconds), '--on', scratchParent()]
  const child = spawn(kScript, ['--subject', ...words, ...limits], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, output }
}

/** Memory where there is enough of it, the disk otherwise. */
function scratchParent(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize > 2 * kNeededBytes) return '/dev/shm'
  } catch {
    return '/var/tmp' // no such file system here
  }
  return '/var/tmp'
}
