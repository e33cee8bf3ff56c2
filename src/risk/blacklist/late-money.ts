import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OrderResale } from '../../order';
import { Blacklist } from './blacklist';

/** Money that comes late buys nothing for whoever could not buy by now: it goes back to him. */
@Injectable()
export class LateMoney implements OnModuleInit {
  constructor(
    private readonly resale: OrderResale,
    private readonly blacklist: Blacklist,
  ) {}

  onModuleInit(): void {
    // By user and device: whence the money was sent says nothing of the buyer.
    this.resale.refuseWhere(({ userId, deviceId }) =>
      (this.blacklist.find({ userId, ip: '', deviceId }) ? 'BLACKLISTED' : undefined));
  }
}
