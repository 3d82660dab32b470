// worker - one model run inside the sandbox. argv: BASE KIND SEED COUNT [FILE with the operations to replay].
import { readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expectation } from '../conformance/differences.js'
import { errnoOf } from '../helpers/posix.js'
import { makeStack, removeStack, type Kind } from '../helpers/subject.js'
import { compareTrees } from './compare.js'
import { drawOperation, type Operation } from './operations.js'
import { Performer } from './perform.js'
import { predict, type Answer } from './predict.js'
import { Random } from './random.js'
import { Fail, type Reference } from './reference.js'
import { modelOf, randomStart } from './start.js'

export type ModelEvent =
  | { event: 'progress'; done: number; succeeded: number }
  | { event: 'mismatch'; at: number; why: string; log: Operation[] }
  | { event: 'done'; done: number; succeeded: number }

const [base = '', kindName = '', seed = '1', count = '0', replay] = process.argv.slice(2)
const WHOLE_TREE_EVERY = 500

function report(event: ModelEvent): void {
  writeSync(3, JSON.stringify(event) + '\n')
}

type Outcome = { value: string } | { codes: readonly string[] }

function real(performer: Performer, operation: Operation, wantTime: boolean): Outcome {
  let value = ''
  const code = errnoOf(() => { value = performer.perform(operation, wantTime) })
  return code === undefined ? { value } : { codes: [code] }
}

function expected(model: Reference, operation: Operation): Answer | { codes: readonly string[] } {
  try {
    return predict(model, operation)
  } catch (error) {
    if (error instanceof Fail) return { codes: error.codes }
    throw error
  }
}

// undefined when both agree, else a sentence.
function disagreement(got: Outcome, wanted: Answer | { codes: readonly string[] }): string | undefined {
  if ('any' in wanted) return undefined
  const shown = 'value' in got ? got.value.slice(0, 300) : got.codes.join()
  if ('codes' in wanted) return 'codes' in got && wanted.codes.includes(got.codes[0] ?? '') ? undefined : `got ${shown}, the model says ${wanted.codes.join(' or ')}`
  const values = 'value' in wanted ? [wanted.value] : wanted.anyOf
  return 'value' in got && values.includes(got.value) ? undefined : `got ${shown}, the model says ${values.join(' or ').slice(0, 300)}`
}

function wantsTime(model: Reference, operation: Operation): boolean {
  if (operation.op !== 'stat') return false
  try {
    return model.find(operation.path, false).mtime !== undefined
  } catch (error) {
    if (error instanceof Fail) return false
    throw error
  }
}

function main(): void {
  process.umask(0o022)
  const kind = kindName as Kind
  const random = new Random(Number(seed))
  const start = randomStart(random)
  const model = modelOf(start, {
    lowerDirsStay: expectation('rename of a directory that a lower has', kind) !== undefined,
    staleReaders: expectation('old reader after copy-up', kind) !== 'new',
  })
  const at = join(base, 'model')
  const stack = makeStack(kind, at, start)
  const performer = new Performer(stack.root, () => {
    stack.unmount()
    stack.mount()
  })
  const given = replay === undefined ? undefined : (JSON.parse(readFileSync(replay, 'utf8')) as Operation[])
  const total = given?.length ?? Number(count)
  const log: Operation[] = []
  let succeeded = 0
  const check = (position: number): string | undefined => {
    const operation = given?.[position] ?? drawOperation(random, model)
    log.push(operation)
    const timed = wantsTime(model, operation)
    const got = real(performer, operation, timed)
    if ('value' in got) succeeded++
    const wrong = disagreement(got, expected(model, operation))
    if (wrong !== undefined) return wrong
    if ((position + 1) % WHOLE_TREE_EVERY !== 0 && position + 1 !== total) return undefined
    const differences = compareTrees(stack.root, model)
    return differences.length === 0 ? undefined : differences.join('\n')
  }
  for (let position = 0; position < total; position++) {
    const why = check(position)
    if (why !== undefined) {
      report({ event: 'mismatch', at: position, why, log })
      return
    }
    if ((position + 1) % WHOLE_TREE_EVERY === 0) report({ event: 'progress', done: position + 1, succeeded })
  }
  performer.closeAll()
  removeStack(stack, at)
  report({ event: 'done', done: total, succeeded })
}

main()
