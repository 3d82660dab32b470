// json - everything a run found out, for programs: the machine, the subjects and how they were mounted, every sample.
import { cpus, release, totalmem } from 'node:os'
import type { Options } from '../options.js'
import { median, type Results } from '../results.js'
import { sizesOf } from '../sizes.js'
import { subjectOf } from '../subjects.js'
import type { Verdict } from '../targets.js'

const kFormatVersion = 1
const kExamplePlace = { lowers: ['LOWER'], upper: 'UPPER', work: 'WORK', mountpoint: 'MOUNTPOINT' }

export function resultsJson(options: Options, results: Results, verdicts: readonly Verdict[], startedAt: Date): string {
  const document = {
    format: kFormatVersion,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    machine: { kernel: release(), cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memoryBytes: totalmem() },
    scale: options.scale,
    layers: options.onDisk ?? 'tmpfs',
    cold: options.cold,
    sizes: sizesOf[options.scale],
    subjects: options.subjects.map((id) => {
      const subject = subjectOf(id)
      const missing = subject.missing()
      const command = subject.mountCommand(kExamplePlace)
      return {
        id,
        kind: subject.kind,
        ...(missing === undefined ? { version: subject.version() } : { missing }),
        ...(typeof command === 'object' ? { mount: command.argv.slice(1).join(' ') } : {}),
      }
    }),
    rows: results.rows.map((row) => ({
      id: row.id,
      group: row.group,
      label: row.label,
      unit: row.unit,
      per: row.per,
      cells: Object.fromEntries(
        [...row.cells].map(([id, cell]) => [
          id,
          cell.samples.length === 0 ? { reason: cell.reason ?? 'not measured' } : { median: median(cell.samples), samples: cell.samples },
        ]),
      ),
    })),
    targets: verdicts,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
