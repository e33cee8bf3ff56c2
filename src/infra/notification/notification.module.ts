import { Module } from '@nestjs/common';
import { registerQueue } from '../queue';
import { DeadNotifications } from './dead-notifications';
import { deliveryPolicy, notificationQueue } from './delivery';
import { NotificationController } from './notification.controller';
import { NotificationProcessor } from './notification.processor';
import { Notifications } from './notifications';

const queue = registerQueue(notificationQueue, deliveryPolicy);

@Module({ imports: [queue], providers: [Notifications], exports: [Notifications, queue] })
export class NotificationModule {}

@Module({
  imports: [NotificationModule],
  providers: [DeadNotifications],
  controllers: [NotificationController],
})
export class NotificationApiModule {}

@Module({ imports: [NotificationModule], providers: [NotificationProcessor] })
export class NotificationWorkerModule {}
