import { Module } from '@nestjs/common';
import { BusyReads } from './busy-reads';
import { Overload } from './overload';

@Module({ providers: [BusyReads, Overload], exports: [Overload] })
export class OverloadModule {}
