import streamlit as st

st.title("revenue")
