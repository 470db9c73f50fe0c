"""TransactionPayment: transaction fees and their recipients."""
