// doctor - tries what a mount needs on this host and in given directories, and says of what is missing what it costs and what to do.
import { resolve } from 'node:path'
import { loadAddon } from '../../engine/addon.js'
import { errnoOf, explainErrno } from '../../errors.js'
import { checkHost, checkPath, type Check } from '../../metrics/host.js'
import { Inspector } from '../../stack/layer.js'
import { readMountTable } from '../../stack/mount-table.js'
import { printable } from '../../words.js'
import type { Command } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { formatBytes, formatTable } from '../output.js'

interface PathReport {
  readonly path: string
  readonly filesystem?: string
  readonly bytesFree?: number
  readonly error?: string
  readonly remedy?: string // of the error
  readonly checks: readonly Check[]
}

export const doctorCommand: Command = {
  name: 'doctor',
  run({ output }, args) {
    const host = checkHost(loadAddon().probeHost())
    const paths = args.positionals.map((path) => examine(resolve(path)))
    if (args.flag('json') === true) {
      output.out(JSON.stringify({ version: loadAddon().version, host, paths }, null, 2))
    } else {
      output.out([...describeChecks(host), ...paths.flatMap((report) => ['', ...describePath(report)])].join('\n'))
    }
    const bad = host.some(isBad) || paths.some((report) => report.error !== undefined || report.checks.some(isBad))
    return Promise.resolve(bad ? exitCodes.failure : exitCodes.ok)
  },
}

function isBad(check: Check): boolean {
  return check.verdict === 'bad'
}

function examine(path: string): PathReport {
  const inspection = new Inspector(readMountTable()).inspect(path)
  if ('error' in inspection) return unusable(path, inspection.error)
  const filesystem = inspection.facts.mount?.type
  try {
    const probe = loadAddon().probePath(inspection.facts.path)
    return {
      path,
      ...(filesystem === undefined ? {} : { filesystem }),
      ...(probe.bytesFree === undefined ? {} : { bytesFree: probe.bytesFree }),
      checks: checkPath(probe),
    }
  } catch (error) {
    return unusable(path, errnoOf(error) ?? 'EIO')
  }
}

function unusable(path: string, error: string): PathReport {
  return { path, error, remedy: explainErrno(error).remedy, checks: [] }
}

function describePath(report: PathReport): string[] {
  if (report.error !== undefined) return [`${printable(report.path)}: ${explainErrno(report.error).reason}; ${report.remedy ?? ''}`]
  const free = report.bytesFree === undefined ? '' : `, ${formatBytes(report.bytesFree)} free`
  return [`${printable(report.path)}: ${report.filesystem ?? 'unknown filesystem'}${free}`, ...describeChecks(report.checks)]
}

function describeChecks(checks: readonly Check[]): string[] {
  const marks = { good: 'ok', lacking: '--', bad: 'BAD' } as const
  return formatTable(checks.map((check) => [`  ${marks[check.verdict]}`, check.name, check.verdict === 'good' ? check.found : `${check.found}: ${check.consequence}; ${check.remedy}`]))
}
