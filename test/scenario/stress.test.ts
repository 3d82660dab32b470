// stress.test - several processes doing every operation at once for a short time: the quick form of scripts/stress/run. A
// plain directory and kernel overlayfs run first: what they do not pass would say nothing about us.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'

const kScript = join(import.meta.dirname, '..', '..', '..', 'scripts', 'stress', 'run')
const kLimitSeconds = 240

const skip = process.getuid?.() === 0 ? false : 'only root can mount overlayfs and make device nodes'

const kSubjects = [
  { words: ['plain'], seconds: 4 },
  { words: ['overlay'], seconds: 6 },
  { words: ['unionfs', '--io', 'cached'], seconds: 16 },
  { words: ['unionfs', '--io', 'passthrough'], seconds: 16 },
]

for (const { words, seconds } of kSubjects) {
  void t.test(
    `${words.join(' ')} survives every operation at once, and keeps no memory or descriptor of it`,
    { skip, timeout: (kLimitSeconds + 60) * 1000 },
    async (t) => {
      const { status, output } = await runStress(words, seconds)
      t.equal(status, 0, status === 0 ? 'nothing is wrong' : output)
      t.match(output, /round 2: total \d+/, 'both rounds ran')
    },
  )
}

async function runStress(words: readonly string[], seconds: number): Promise<{ status: number | null; output: string }> {
  const limits = ['--seconds', String(seconds), '--rounds', '2', '--limit', String(kLimitSeconds)]
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
