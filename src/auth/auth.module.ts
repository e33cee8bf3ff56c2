import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { APP_CONFIG, type AppConfig } from '../config';
import { AuthGuard } from './auth.guard';
import { Authenticator } from './authenticator';

/** Puts the guard before every route of the application that imports it. */
@Module({
  providers: [
    { provide: Authenticator, inject: [APP_CONFIG],
      useFactory: (config: AppConfig) => new Authenticator(config) },
    { provide: APP_GUARD, inject: [Authenticator, APP_CONFIG],
      useFactory: (authenticator: Authenticator, config: AppConfig) =>
        new AuthGuard(authenticator, config) },
  ],
  exports: [Authenticator],
})
export class AuthModule {}
