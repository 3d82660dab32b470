// worker - the cross-mount oracle: change a stack through one filesystem, look at it through another.
//
// argv: BASE FIRST SECOND SEED OPERATIONS ROUNDS. In turns one of the two mounts the stack, does random operations and
// shows the whole tree; then the other mounts the same upper and work directory and must show the same.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from '../helpers/dump.js'
import { errnoOf, posix } from '../helpers/posix.js'
import { makeStack, mountAs, unmountStack, type Kind } from '../helpers/subject.js'
import { drawOperation, type Operation } from '../model/operations.js'
import { Performer } from '../model/perform.js'
import { predict } from '../model/predict.js'
import { Random } from '../model/random.js'
import { Fail, type Reference } from '../model/reference.js'
import { modelOf, randomStart } from '../model/start.js'

export type OracleEvent = { event: 'same'; round: number } | { event: 'different'; round: number; writer: Kind; reader: Kind; lines: string[]; log: Operation[] } | { event: 'done' }

const [base = '', first = '', second = '', seed = '1', operations = '0', rounds = '1'] = process.argv.slice(2)

function report(event: OracleEvent): void {
  writeSync(3, JSON.stringify(event) + '\n')
}

// The model only steers the choice of paths here; what it predicts is the model test's business.
function act(performer: Performer, model: Reference, operation: Operation): void {
  const code = errnoOf(() => performer.perform(operation, false))
  try {
    if (code === undefined) predict(model, operation)
  } catch (error) {
    if (!(error instanceof Fail)) throw error
  }
}

function differingLines(one: string, other: string): string[] {
  const left = one.split('\n')
  const right = other.split('\n')
  const found: string[] = []
  const before = new Set(left)
  const after = new Set(right)
  for (const line of left) if (!after.has(line)) found.push(`- ${line}`)
  for (const line of right) if (!before.has(line)) found.push(`+ ${line}`)
  return found.slice(0, 20)
}

function main(): void {
  process.umask(0o022)
  const random = new Random(Number(seed))
  const start = randomStart(random)
  const model = modelOf(start, { lowerDirsStay: true, staleReaders: true, timeStep: 1n })
  const at = join(base, 'oracle')
  const stack = makeStack(first as Kind, at, start)
  const { union, root } = stack
  if (union === undefined) throw new Error('the oracle compares unions')
  let [writer, reader] = [first as Kind, second as Kind]
  for (let round = 1; round <= Number(rounds); round++) {
    const performer = new Performer(root, () => undefined)
    const log: Operation[] = []
    for (let i = 0; i < Number(operations); i++) {
      const operation = drawOperation(random, model)
      if (operation.op === 'remount') continue
      log.push(operation)
      act(performer, model, operation)
    }
    performer.closeAll()
    const written = dump(root)
    unmountStack(writer, root)
    mountAs(reader, at, root, union)
    const seen = dump(root)
    if (written !== seen) {
      report({ event: 'different', round, writer, reader, lines: differingLines(written, seen), log })
      return
    }
    report({ event: 'same', round })
    ;[writer, reader] = [reader, writer]
  }
  unmountStack(writer, root)
  posix.statx(root)
  report({ event: 'done' })
}

main()
