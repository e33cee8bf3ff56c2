import { Controller, Delete, Get, HttpCode, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../../auth';
import { originOf } from '../../infra/audit';
import {
  cursorParameter, Describe, pageOf, PathText, ValidBody, ValidQuery, validationFailed,
} from '../../infra/http';
import { ServerClock } from '../../infra/redis';
import { ProblemError } from '../../kernel';
import { BlacklistAdministration } from './blacklist-administration';
import { csvHeader, readEntries, toCsv } from './blacklist-csv';
import { blacklistId, type BlacklistKind, type BlacklistSubject } from './blacklist-entry';
import { BlacklistStore } from './blacklist-store';
import {
  entryPage, entryView, importBody, importResult, kindParameter, newEntryBody, requireSubject,
  valueParameter, viewOf, type EntryView,
} from './blacklist.schemas';

const listQuery = z.strictObject({
  kind: kindParameter.optional().meta({ description: 'Only entries about this' }),
  format: z.enum(['json', 'csv']).default('json')
    .meta({ description: '`csv`: the whole list at once, for a spreadsheet or an import' }),
  cursor: cursorParameter,
});

@Controller()
@Roles('admin', 'risk')
export class BlacklistController {
  constructor(
    private readonly administration: BlacklistAdministration,
    private readonly store: BlacklistStore,
    private readonly clock: ServerClock,
  ) {}

  @Put('admin/v1/blacklist/:kind/:value')
  @Describe({
    summary: 'Exclude a user, an address or a device from buying',
    description: 'In force on every process within a second. An entry about the same is replaced. '
      + 'A network may not be wider than /8 (IPv4) or /16 (IPv6).',
    tag: 'risk',
    answers: { 200: { description: 'The entry.', schema: entryView } },
  })
  async put(
    @PathText('kind', kindParameter) kind: BlacklistKind,
    @PathText('value', valueParameter) value: string,
    @ValidBody(newEntryBody) { reason, expiresAt }: z.output<typeof newEntryBody>,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<EntryView> {
    const subject = requireSubject(kind, value);
    if (expiresAt !== undefined && expiresAt <= this.clock.now()) {
      throw validationFailed({ path: 'expiresAt', message: 'An entry must expire in the future' });
    }
    const entry = {
      ...subject, reason, ...(expiresAt !== undefined && { expiresAtMs: expiresAt }),
    };
    return viewOf(await this.administration.put(entry, originOf(userId, request)));
  }

  @Get('admin/v1/blacklist/:kind/:value')
  @Describe({
    summary: 'Why a user, an address or a device is excluded',
    description: 'The entry about exactly this: an address inside of a listed network has none.',
    tag: 'risk',
    answers: { 200: { description: 'The entry.', schema: entryView } },
    problems: ['NOT_FOUND'],
  })
  async read(
    @PathText('kind', kindParameter) kind: BlacklistKind,
    @PathText('value', valueParameter) value: string,
  ): Promise<EntryView> {
    const subject = requireSubject(kind, value);
    const entry = await this.store.find(subject);
    if (entry === undefined) throw notListed(subject);
    return viewOf(entry);
  }

  @Delete('admin/v1/blacklist/:kind/:value')
  @HttpCode(204)
  @Describe({
    summary: 'Let a user, an address or a device buy again',
    description: 'Asked again within a day, the answer is the same.',
    tag: 'risk',
    answers: { 204: { description: 'It is not on the list any more.' } },
    problems: ['NOT_FOUND'],
  })
  async remove(
    @PathText('kind', kindParameter) kind: BlacklistKind,
    @PathText('value', valueParameter) value: string,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    const subject = requireSubject(kind, value);
    const isGone = await this.administration.remove(subject, originOf(userId, request));
    if (!isGone) throw notListed(subject);
  }

  @Get('admin/v1/blacklist')
  @Describe({
    summary: 'Who is excluded, newest first',
    tag: 'risk',
    answers: { 200: { description: 'A page of entries; with `format=csv` all of them.',
      schema: entryPage, otherContent: { 'text/csv': z.string() } } },
  })
  async list(
    @ValidQuery(listQuery) { kind, format, cursor }: z.output<typeof listQuery>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.infer<typeof entryPage> | string> {
    if (format === 'csv') {
      void reply.header('content-type', 'text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="blacklist.csv"');
      return this.export(kind);
    }
    const { items, nextCursor } = pageOf(await this.store.list(cursor, kind),
      (entry) => ({ atMs: entry.createdAtMs, id: blacklistId(entry) }));
    return { items: items.map(viewOf), nextCursor };
  }

  @Post('admin/v1/blacklist/import')
  @HttpCode(200)
  @Describe({
    summary: 'Put the entries of a CSV text on the list',
    description: 'All or none; entries about the same are replaced. A call takes some hundred '
      + 'lines (16 KiB): send a long list in parts, each with the header line. `errors` names the '
      + 'lines that are not valid.',
    tag: 'risk',
    answers: { 200: { description: 'How many are on the list now.', schema: importResult } },
  })
  async import(
    @ValidBody(importBody) { csv }: z.infer<typeof importBody>,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof importResult>> {
    const { entries, faults } = readEntries(csv, this.clock.now());
    if (faults.length > 0) {
      throw validationFailed(...faults.map((message) => ({ path: 'csv', message })));
    }
    await this.administration.putAll(entries, originOf(userId, request));
    return { entries: entries.length };
  }

  /** The whole list or a failure: nobody takes a part that broke off for the list. */
  private async export(kind?: BlacklistKind): Promise<string> {
    const parts = [csvHeader];
    for await (const entries of this.store.all(kind)) parts.push(entries.map(toCsv).join(''));
    return parts.join('');
  }
}

function notListed(subject: BlacklistSubject): ProblemError {
  return new ProblemError('NOT_FOUND', 'That is not on the list. What was decided about it before '
    + `stands in the audit log under ${blacklistId(subject)}.`);
}
