// native-bridge - turns batches of native log records into log lines.
import { levelNumbers, type LogFields, type Logger } from './logger.js'

export interface NativeRecord {
  readonly level: number
  readonly message: string
  readonly fields: string // JSON members without braces
}

export function forwardRecords(logger: Logger, records: readonly NativeRecord[]): void {
  for (const record of records) logger.log(levelName(record.level), record.message, parseFields(record.fields))
}

function levelName(level: number): 'trace' | 'debug' | 'info' | 'warn' | 'error' {
  if (level >= levelNumbers.error) return 'error'
  if (level >= levelNumbers.warn) return 'warn'
  if (level >= levelNumbers.info) return 'info'
  return level >= levelNumbers.debug ? 'debug' : 'trace'
}

// Names in layers are bytes, not text, so a record may hold what no JSON parser takes; it is logged as it came.
function parseFields(fields: string): LogFields {
  if (fields === '') return {}
  try {
    return JSON.parse(`{${fields}}`) as LogFields
  } catch {
    return { fields }
  }
}
