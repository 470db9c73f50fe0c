"""PayFi: merchants, payments, their settlement, refunds, disputes and cards."""
