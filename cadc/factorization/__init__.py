"""What the whole log says about users and items: log rows in, `Factors` out."""
