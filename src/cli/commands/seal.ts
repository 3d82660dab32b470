// seal - vouches for layers: keeps all they hold in the path index, and mounts believe it from then on.
import { realpathSync } from 'node:fs'
import { findCommand } from '../../config/options.js'
import { reasonOf, UnionfsError } from '../../errors.js'
import { loadAddon } from '../../engine/addon.js'
import { buildLayer, type BuildResult } from '../../index/build.js'
import { indexLocation, noIndex } from '../../index/location.js'
import { onWaiting } from '../../index/patience.js'
import { requireStill } from '../../mount/writers.js'
import { isWithin } from '../../stack/layer.js'
import { resolveOnce } from '../../stack/stack.js'
import { printable } from '../../words.js'
import type { Command, Context } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { interruptible } from '../interrupt.js'
import { formatBytes, formatCount } from '../output.js'
import { usageError, type Arguments } from '../parse.js'
import { Progress } from '../progress.js'

export const sealCommand: Command = {
  name: 'seal',
  async run(context, args) {
    const dir = requireIndex(context, args, 'seal')
    await requireStill(args.positionals.map(resolveLayer), 'sealed')
    const results = await buildLayers(dir, args.positionals, true)
    report(context, args, results, (result) => `sealed ${result.facts.path}: ${formatCount(result.files, 'file')} in ${formatCount(result.directories, 'directory')}, ${formatBytes(result.bytes)} read, digest ${result.digest ?? ''}`)
    return exitCodes.ok
  },
}

// Says on stderr when the command has to wait for it.
export function requireIndex({ output }: Context, args: Arguments, command: string): string {
  const dir = indexLocation(args.text('index'))
  if (dir === undefined) throw usageError(`there is no path index: it is turned off (${noIndex}), or there is no home directory for one; name a directory with --index`, findCommand(command))
  onWaiting((at) => {
    output.err(printable(`unionfs: waiting for the path index ${at}, which another process has open`))
  })
  return dir
}

export function report(context: Context, args: Arguments, results: readonly BuildResult[], describe: (result: BuildResult) => string): void {
  if (args.flag('json') === true) {
    context.output.out(JSON.stringify({ layers: results.map(({ facts, ...rest }) => ({ path: facts.path, ...rest })) }, null, 2))
    return
  }
  for (const result of results) {
    context.output.out(printable(describe(result)))
    for (const unreadable of result.unreadable) context.output.err(printable(`unionfs: warning: ${result.facts.path}/${unreadable}`))
  }
}

// One layer after the other, with a bar on a terminal.
export async function buildLayers(dir: string, paths: readonly string[], seal: boolean): Promise<BuildResult[]> {
  const progress = new Progress()
  return interruptible(async (signal) => {
    const results: BuildResult[] = []
    for (const path of paths.map(resolveLayer)) {
      requireOutside(dir, path)
      const total = seal && progress.visible ? await countFiles(path, signal) : undefined
      try {
        results.push(
          await buildLayer(dir, path, {
            seal,
            signal,
            onProgress: ({ files, bytes }) => {
              progress.show(`${path}: ${formatCount(files, 'file')}${seal ? `, ${formatBytes(bytes)}` : ''}`, files, total)
            },
          }),
        )
      } catch (error) {
        throw withKept(error, results, seal)
      } finally {
        progress.clear()
      }
    }
    return results
  })
}

// What the layers before have got stays.
function withKept(error: unknown, results: readonly BuildResult[], seal: boolean): unknown {
  if (!(error instanceof UnionfsError) || results.length === 0) return error
  const { code, message, errno, syscall, path, remedy } = error
  return new UnionfsError(code, `${message}; ${seal ? 'sealed' : 'recorded'} before it: ${results.map(({ facts }) => facts.path).join(', ')}`, { errno, syscall, path, remedy, cause: error })
}

// What is written to the index would change the layer.
function requireOutside(dir: string, layer: string): void {
  if (!isWithin(resolveOnce('/', dir), layer)) return
  throw new UnionfsError('INDEX', `${layer}: the path index ${dir} lies in it, and whatever it learns would change the layer`, { path: layer, remedy: 'name a directory elsewhere with --index' })
}

export function resolveLayer(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw new UnionfsError('IO', `${path}: ${reasonOf(error)}`, { path, remedy: 'name a directory that exists', cause: error })
  }
}

// So that the bar knows its end: names are counted in a fraction of the time that reading the files takes.
async function countFiles(path: string, signal: AbortSignal): Promise<number> {
  const walk = loadAddon().walkLayer(path, { full: false, contents: false })
  let files = 0
  for (let batch = await walk.next(); batch.length > 0 && !signal.aborted; batch = await walk.next()) {
    for (const walked of batch) files += walked.files
  }
  return files
}
