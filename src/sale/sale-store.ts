import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { pageItemsAtMost, type PageEnd } from '../infra/http';
import type { Protection } from './protection';
import type { Product, RedisOutage, Sale, SaleStatus, StockStrategy } from './sale';

interface ProductRow {
  id: string;
  name: string;
  description: string | null;
  image_url: string | null;
  created_at: Date;
}

interface SaleRow {
  id: string;
  product_id: string;
  product_name: string;
  product_description: string | null;
  product_image_url: string | null;
  status: SaleStatus;
  price_amount: number;
  price_currency: string;
  limit_per_user: number;
  opens_at: Date;
  closes_at: Date;
  pay_window_seconds: number;
  protection: string;
  strategy: StockStrategy;
  redis_outage: RedisOutage;
  segments: number;
  segment_of: string | null;
  created_at: Date;
  retired_at: Date | null;
}

/** A product as operators list it. */
export interface ListedProduct extends Product {
  readonly createdAtMs: number;
}

const selectSales = `
  SELECT s.id, s.product_id, p.name AS product_name, p.description AS product_description,
      p.image_url AS product_image_url, s.status, s.price_amount, s.price_currency,
      s.limit_per_user, s.opens_at, s.closes_at, s.pay_window_seconds, s.protection, s.strategy,
      s.redis_outage, s.segments, s.segment_of, s.created_at, s.retired_at
    FROM sales s JOIN products p ON p.id = s.product_id`;

/** Reads products and sales as the database has them now. Everything throws `DatabaseError`. */
@Injectable()
export class SaleStore {
  constructor(private readonly database: Database) {}

  async find(saleId: string): Promise<Sale | undefined> {
    return (await this.findMany([saleId])).get(saleId);
  }

  /** By id; those that do not exist are left out. */
  async findMany(saleIds: readonly string[]): Promise<ReadonlyMap<string, Sale>> {
    const rows = await this.database.query<SaleRow>(`${selectSales} WHERE s.id IN (?)`, [saleIds]);
    return new Map(rows.map((row) => [row.id, saleOf(row)]));
  }

  /** Sales that are neither drafts nor retired, segments among them, the first to open first. */
  async live(): Promise<Sale[]> {
    const rows = await this.database.query<SaleRow>(
      `${selectSales} WHERE s.retired_at IS NULL AND s.status IN ('active', 'paused', 'closed')
        ORDER BY s.opens_at, s.id`);
    return rows.map(saleOf);
  }

  /** All sales but segments after the end of a page, newest first, one more than a page. */
  async list(after: PageEnd): Promise<Sale[]> {
    const at = new Date(after.atMs);
    const rows = await this.database.query<SaleRow>(
      `${selectSales} WHERE s.segment_of IS NULL AND s.created_at <= ?
          AND (s.created_at < ? OR s.id < ?)
        ORDER BY s.created_at DESC, s.id DESC LIMIT ?`, [at, at, after.id, pageItemsAtMost + 1]);
    return rows.map(saleOf);
  }

  /** All products after the end of a page, newest first, one more than a page. */
  async listProducts(after: PageEnd): Promise<ListedProduct[]> {
    const at = new Date(after.atMs);
    const rows = await this.database.query<ProductRow>(
      `SELECT id, name, description, image_url, created_at FROM products
        WHERE created_at <= ? AND (created_at < ? OR id < ?)
        ORDER BY created_at DESC, id DESC LIMIT ?`, [at, at, after.id, pageItemsAtMost + 1]);
    return rows.map((row) => ({ ...productOf(row), createdAtMs: row.created_at.getTime() }));
  }
}

function productOf(row: Omit<ProductRow, 'created_at'>): Product {
  return {
    id: row.id,
    name: row.name,
    ...(row.description !== null && { description: row.description }),
    ...(row.image_url !== null && { imageUrl: row.image_url }),
  };
}

function saleOf(row: SaleRow): Sale {
  return {
    id: row.id,
    product: productOf({
      id: row.product_id, name: row.product_name, description: row.product_description,
      image_url: row.product_image_url,
    }),
    price: { amount: row.price_amount, currency: row.price_currency },
    limitPerUser: row.limit_per_user,
    opensAtMs: row.opens_at.getTime(),
    closesAtMs: row.closes_at.getTime(),
    payWindowSeconds: row.pay_window_seconds,
    status: row.status,
    protection: JSON.parse(row.protection) as Protection,
    strategy: row.strategy,
    redisOutage: row.redis_outage,
    segments: row.segments,
    ...(row.segment_of !== null && { segmentOf: row.segment_of }),
    createdAtMs: row.created_at.getTime(),
    ...(row.retired_at !== null && { retiredAtMs: row.retired_at.getTime() }),
  };
}
