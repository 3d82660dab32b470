// main - the benchmark: asks the questions of questions/ of every subject in one run and reports medians, ratios and verdicts.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from './command.js'
import { helpText, limitSeconds, parseOptions, UsageError, type Options } from './options.js'
import { Progress } from './progress.js'
import type { Question } from './question.js'
import { allQuestions } from './questions/all.js'
import { resultsJson } from './report/json.js'
import { ratiosSvg } from './report/svg.js'
import { resultsTable, verdictTable } from './report/table.js'
import { Results } from './results.js'
import { Schedule } from './schedule.js'
import { sizesOf, type Scale } from './sizes.js'
import { subjectOf } from './subjects.js'
import { verdicts } from './targets.js'

const kExitUsage = 2
// Layers, uppers and, for the plain directory, copies of the layers.
const kNeededMiB: Readonly<Record<Scale, number>> = { full: 6000, quick: 2500, tiny: 1500 }

function main(): void {
  const request = parseOptions(process.argv.slice(2))
  switch (request.kind) {
    case 'help':
      process.stdout.write(helpText)
      return
    case 'list':
      process.stdout.write(allQuestions.map((question) => `${question.id.padEnd(14)} ${question.group.padEnd(10)} ${question.title}\n`).join(''))
      return
    case 'limit':
      chosenQuestions(request.options)
      process.stdout.write(`${limitSeconds(request.options)}\n`)
      return
    case 'run':
      measure(request.options)
  }
}

function measure(options: Options): void {
  const startedAt = new Date()
  if (options.scratch === '') throw new UsageError('started by hand: use scripts/bench/run')
  const questions = chosenQuestions(options)
  const sizes = sizesOf[options.scale]
  checkSpace(options)
  mkdirSync(options.out, { recursive: true })
  for (const subject of options.subjects.map(subjectOf)) process.stderr.write(`${subject.id}: ${subject.missing() ?? subject.version()}\n`)

  const results = new Results(questions, sizes, options.subjects)
  const save = (): string => saved(options, results, startedAt)
  let text = save()
  try {
    // Saved after every question: what was measured before something broke is worth having.
    new Schedule(options, sizes, results, new Progress(options.budgetSeconds)).askAll(questions, () => void (text = save()))
  } finally {
    process.stdout.write(text)
    process.stderr.write(`table.txt, results.json and ratios.svg are in ${options.out}\n`)
  }
}

/** Writes the three files; returns the table. */
function saved(options: Options, results: Results, startedAt: Date): string {
  const judged = verdicts(results, options.subjects)
  const where = options.onDisk === undefined ? 'layers on tmpfs' : `layers on ${options.onDisk}${options.cold ? ', caches dropped' : ''}`
  const head = `${options.scale} sizes, ${where}, ${startedAt.toISOString()}`
  const text = `${head}\n\n${resultsTable(results, options.subjects)}\n\n${verdictTable(judged, results)}\n`
  writeFileSync(join(options.out, 'table.txt'), text)
  writeFileSync(join(options.out, 'results.json'), resultsJson(options, results, judged, startedAt))
  writeFileSync(join(options.out, 'ratios.svg'), ratiosSvg(results, options.subjects))
  return text
}

function chosenQuestions(options: Options): Question[] {
  const chosen = allQuestions.filter(({ id }) => options.only.length === 0 || options.only.some((word) => id.includes(word)))
  if (chosen.length === 0) throw new UsageError(`--only: no question has ${options.only.join(' or ')} in its name (--list shows them)`)
  return chosen
}

function checkSpace(options: Options): void {
  const free = Number(execute('df', ['--output=avail', '-m', options.scratch]).split('\n')[1])
  if (free < kNeededMiB[options.scale]) {
    throw new UsageError(`the layers need ${kNeededMiB[options.scale]} MiB and there are ${free} (try --quick or --on DIR)`)
  }
}

try {
  main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = kExitUsage
}
