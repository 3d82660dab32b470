// index - the verbs of the path index: build, status, verify, gc, drop.
import { defaultIndexMib, findCommand } from '../../config/options.js'
import { collectGarbage, forget } from '../../index/gc.js'
import { commandFor } from '../../index/location.js'
import type { BuildResult } from '../../index/build.js'
import { indexStatus, type IndexStatus } from '../../index/status.js'
import { IndexError } from '../../index/store.js'
import { verifyIndex, type VerifiedLayer } from '../../index/verify.js'
import { requireStill } from '../../mount/writers.js'
import { printable } from '../../words.js'
import type { Command, Context } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { interruptible } from '../interrupt.js'
import { formatBytes, formatCount, formatTable } from '../output.js'
import { usageError, type Arguments } from '../parse.js'
import { buildLayers, report, requireIndex, resolveLayer } from './seal.js'

type Verb = (context: Context, args: Arguments, dir: string, layers: readonly string[]) => Promise<number>

const verbs: Readonly<Record<string, Verb>> = { build, status, verify, gc, drop }

export const indexCommand: Command = {
  name: 'index',
  async run(context, args) {
    const [word = '', ...layers] = args.positionals
    const verb = verbs[word]
    if (verb === undefined) throw usageError(`unknown verb ${JSON.stringify(word)} (build, status, verify, gc or drop)`, findCommand('index'))
    if (layers.length > 0 && (word === 'status' || word === 'gc')) throw usageError(`index ${word} takes no layers`, findCommand('index'))
    return verb(context, args, requireIndex(context, args, 'index'), layers)
  },
}

async function build(context: Context, args: Arguments, dir: string, layers: readonly string[]): Promise<number> {
  if (layers.length === 0) throw usageError('no layer is given', findCommand('index'))
  await requireStill(layers.map(resolveLayer), 'recorded')
  const results = await buildLayers(dir, layers, false)
  report(context, args, results, (result) => {
    return `recorded ${result.facts.path}: ${formatCount(result.files, 'file')} in ${formatCount(result.directories, 'directory')}${leftOut(result)}`
  })
  return results.some((result) => result.unreadable.length > 0) ? exitCodes.failure : exitCodes.ok
}

function leftOut({ recent, unrecorded }: BuildResult): string {
  const parts: string[] = []
  if (recent > 0) parts.push(`; ${formatCount(recent, 'directory')} changed less than two seconds ago and ${recent === 1 ? 'is' : 'are'} left out: run it again in a moment, or seal the layer`)
  if (unrecorded > recent) parts.push(`; ${formatCount(unrecorded - recent, 'directory')} left out, with marks or mounts that no record can hold`)
  return parts.join('')
}

async function status(context: Context, args: Arguments, dir: string): Promise<number> {
  let found: IndexStatus
  try {
    found = await indexStatus(dir)
  } catch (error) {
    if (!(error instanceof IndexError && error.trouble === 'absent')) throw error
    found = { dir, bytes: 0, layers: [], damaged: 0 }
  }
  if (args.flag('json') === true) {
    context.output.out(JSON.stringify(found, null, 2))
    return exitCodes.ok
  }
  context.output.out(`${printable(dir)}: ${formatCount(found.layers.length, 'layer')}, ${formatBytes(found.bytes)} on disk`)
  if (found.damaged > 0) context.output.out(`${formatCount(found.damaged, 'damaged entry')}: seal or build those layers again; \`${commandFor(dir, 'index gc')}\` removes what is left of them`)
  if (found.layers.length === 0) return exitCodes.ok
  const rows = found.layers.map(({ entry, state, bytes }) => [
    entry.path,
    (entry.seal === undefined ? (entry.complete ? 'whole' : 'partly') : 'sealed') + (state === 'there' ? '' : `, ${state}`),
    String(entry.files),
    formatBytes(bytes),
    entry.usedAt.slice(0, 10),
  ])
  context.output.out(formatTable([['layer', 'known', 'files', 'size', 'used'], ...rows], [2, 3]).join('\n'))
  return exitCodes.ok
}

async function verify(context: Context, args: Arguments, dir: string, layers: readonly string[]): Promise<number> {
  const paths = layers.map(resolveLayer)
  const results = await interruptible((signal) => verifyIndex(dir, paths, { contents: args.flag('contents') === true, signal }))
  const differs = results.some((result) => result.differences.length > 0)
  if (args.flag('json') === true) context.output.out(JSON.stringify({ layers: results }, null, 2))
  else for (const result of results) context.output.out(describeVerified(result, dir))
  return differs ? exitCodes.failure : exitCodes.ok
}

function describeVerified(result: VerifiedLayer, dir: string): string {
  if (result.state === 'gone') return `${printable(result.path)}: gone; \`${commandFor(dir, 'index gc')}\` removes it`
  if (result.state === 'damaged') return [`${printable(result.path)} (damaged)`, ...result.differences.map((difference) => `  ${printable(difference)}`)].join('\n')
  const kind = result.sealed ? 'sealed' : 'not sealed'
  const { directories, unrecorded, differences } = result
  const without = unrecorded === 0 ? '' : `; ${unrecorded} of them without a record, learned at their next use`
  const summary = differences.length > 0 ? formatCount(differences.length, 'difference') : unrecorded > 0 && unrecorded === directories ? 'nothing to compare' : 'agrees'
  return [`${printable(result.path)} (${kind}): ${formatCount(directories, 'directory')}, ${summary}${without}`, ...result.differences.map((difference) => `  ${printable(difference)}`)].join('\n')
}

async function gc(context: Context, args: Arguments, dir: string): Promise<number> {
  const result = await collectGarbage(dir, (args.integer('max-size') ?? defaultIndexMib) * 2 ** 20)
  if (args.flag('json') === true) {
    context.output.out(JSON.stringify(result, null, 2))
    return exitCodes.ok
  }
  for (const { path, reason } of result.removed) context.output.out(`removed ${printable(path)} (${reason === 'gone' ? 'gone' : 'the index was too large'})`)
  if (result.damaged > 0) context.output.out(`removed ${formatCount(result.damaged, 'damaged entry')}`)
  if (result.slots > 0) context.output.out(`removed ${formatCount(result.slots, 'leftover')} of interrupted commands`)
  context.output.out(`${formatBytes(result.bytesBefore)} -> ${formatBytes(result.bytesAfter)}`)
  return exitCodes.ok
}

async function drop(context: Context, args: Arguments, dir: string, layers: readonly string[]): Promise<number> {
  const forgotten = await forget(dir, layers)
  if (args.flag('json') === true) context.output.out(JSON.stringify({ forgotten }, null, 2))
  else context.output.out(forgotten.length === 0 ? 'there is no path index' : `forgotten: ${forgotten.map(printable).join(', ')}`)
  return exitCodes.ok
}
